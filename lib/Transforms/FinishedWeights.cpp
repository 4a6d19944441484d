//===- FinishedWeights.cpp - quantized weights in the state of a run ------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "FinishedWeights.h"

using namespace mlir;
using namespace qopt;

Tensor qopt::numbersOf(SchemeAttrInterface scheme, int64_t rows,
                       int64_t columns, const WeightBytes &bytes) {
  Tensor numbers(rows, columns);
  if (auto gguf = dyn_cast<GgufAttr>(scheme)) {
    gguf.getRow().decode(bytes[0].data(), numbers.mutableMatrix().data,
                         rows * columns);
    return numbers;
  }
  std::vector<ByteSpan> components(bytes.begin(), bytes.end());
  GroupedMatrix matrix = groupedMatrix(cast<GroupedAttr>(scheme).getScheme(),
                                       rows, columns, components);
  for (int64_t row = 0; row < rows; ++row)
    matrix.dequantizeRow(row, numbers.mutableMatrix().row(row));
  return numbers;
}

static std::vector<Component> componentsOf(ml_program::GlobalOp global,
                                           SchemeAttrInterface scheme) {
  auto type = cast<ShapedType>(global.getType());
  return scheme.components(type.getDimSize(0), type.getDimSize(1));
}

/// As in an archive.
static std::string nameOf(ml_program::GlobalOp global,
                          const Component &component) {
  return global.getSymName().str() + "." + std::string(component.suffix);
}

void qopt::keepWeight(RunStep &step, ml_program::GlobalOp global,
                      SchemeAttrInterface scheme, const WeightBytes &bytes) {
  for (auto [component, part] :
       llvm::zip_equal(componentsOf(global, scheme), bytes))
    step.tensors[nameOf(global, component)] = part;
}

Result<WeightBytes> qopt::keptWeight(const RunStep &step,
                                     ml_program::GlobalOp global,
                                     SchemeAttrInterface scheme) {
  WeightBytes bytes;
  for (const Component &component : componentsOf(global, scheme)) {
    auto found = step.tensors.find(nameOf(global, component));
    if (found == step.tensors.end() ||
        int64_t(found->second.size()) != component.bytes())
      return badInput("the finished block of @", global.getSymName().str(),
                      " does not fit the model; --overwrite starts over");
    bytes.push_back(found->second);
  }
  return bytes;
}
