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

Result<std::string> qopt::checkImportance(ModuleOp module,
                                          const ImportanceMatrix &importance) {
  std::string unknown;
  int64_t known = 0;
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    auto type = dyn_cast<RankedTensorType>(global.getType());
    if (!type || type.getRank() != 2 || !assignedScheme(global))
      continue;
    std::string name = tensorName(global);
    QOPT_ASSIGN(std::vector<float> weights,
                importance.weightsOf(name, type.getDimSize(1)));
    known += !weights.empty();
    if (weights.empty())
      unknown += (unknown.empty() ? "" : ", ") + name;
  }
  if (known == 0 && !unknown.empty())
    return badInput("the importance matrix knows none of the weights of this "
                    "model: ",
                    unknown);
  return unknown;
}
