//===- Importance.cpp - importance matrices and modules -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Transforms/Importance.h"

#include "qopt/Dialect/QOpt/AssignedScheme.h"
#include "qopt/Import/Architecture.h"

using namespace mlir;
using namespace qopt;

std::string qopt::tensorName(ml_program::GlobalOp global) {
  std::string symbol = global.getSymName().str();
  std::optional<WeightId> weight = findWeight(symbol);
  return weight ? weight->gguf() : symbol;
}

/// How many experts the blocks of a module have, by what its symbols say.
static int64_t expertCount(ModuleOp module) {
  int64_t count = 0;
  for (auto global : module.getOps<ml_program::GlobalOp>())
    if (auto id = findWeight(global.getSymName().str()); id && id->isExpert())
      count = std::max(count, id->expert + 1);
  return count;
}

TensorPlace qopt::tensorPlace(ml_program::GlobalOp global) {
  std::string symbol = global.getSymName().str();
  std::optional<WeightId> id = findWeight(symbol);
  if (!id)
    return {symbol};
  if (!id->isExpert())
    return {id->gguf()};
  return {id->gguf(), id->expert,
          expertCount(global->getParentOfType<ModuleOp>())};
}

Result<std::vector<float>>
qopt::matrixWeights(const ImportanceMatrix &importance,
                    const TensorPlace &place, int64_t columns) {
  QOPT_ASSIGN(std::vector<float> weights,
              importance.weightsOf(place.tensor, columns, place.matrices));
  if (int64_t(weights.size()) <= columns)
    return weights; // not measured, or one for all
  auto first = weights.begin() + place.matrix * columns;
  return std::vector<float>(first, first + columns);
}

Result<std::string> qopt::checkImportance(ModuleOp module,
                                          const ImportanceMatrix &importance) {
  std::string unknown;
  int64_t known = 0;
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    auto type = dyn_cast<RankedTensorType>(global.getType());
    if (!type || type.getRank() != 2 || !assignedScheme(global))
      continue;
    TensorPlace place = tensorPlace(global);
    if (place.matrix > 0)
      continue; // the first stands for all
    QOPT_ASSIGN(std::vector<float> weights,
                matrixWeights(importance, place, type.getDimSize(1)));
    known += !weights.empty();
    if (weights.empty())
      unknown += (unknown.empty() ? "" : ", ") + place.tensor;
  }
  if (known == 0 && !unknown.empty())
    return badInput("the importance matrix knows none of the weights of this "
                    "model: ",
                    unknown);
  return unknown;
}
