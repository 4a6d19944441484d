//===- WeightTable.cpp - the weights of a model, line by line -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Transforms/WeightTable.h"
#include "qopt/Dialect/QOpt/AssignedScheme.h"
#include "qopt/Dialect/QOpt/QOptTypes.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

using namespace mlir;
using namespace qopt;

int64_t WeightRow::numbers() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

/// `f16`, `bf16`, `i8`.
static std::string elementName(ShapedType type) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  type.getElementType().print(stream);
  return text;
}

std::vector<WeightRow> qopt::weightTable(ModuleOp module) {
  std::vector<WeightRow> rows;
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    auto type = dyn_cast<ShapedType>(global.getType());
    if (!type || !type.hasStaticShape())
      continue;
    SchemeAttrInterface scheme = weightScheme(type);
    std::vector<Component> components = weightComponents(type);
    if (!scheme) {
      scheme = assignedScheme(global);
      if (scheme)
        components = scheme.components(type.getDimSize(0), type.getDimSize(1));
    }
    WeightRow row{"@" + global.getSymName().str(),
                  {type.getShape().begin(), type.getShape().end()},
                  scheme ? scheme.mnemonicName() : elementName(type),
                  scheme != nullptr,
                  0};
    for (const Component &component : components)
      row.bytes += component.bytes();
    rows.push_back(std::move(row));
  }
  return rows;
}

WeightTotal::WeightTotal(const std::vector<WeightRow> &rows) {
  for (const WeightRow &row : rows) {
    bytes += row.bytes;
    numbers += row.numbers();
    if (!row.quantized)
      continue;
    quantizedBytes += row.bytes;
    quantizedNumbers += row.numbers();
  }
}

double WeightTotal::bits() const {
  return numbers == 0 ? 0 : 8.0 * bytes / numbers;
}

double WeightTotal::quantizedBits() const {
  return quantizedNumbers == 0 ? 0 : 8.0 * quantizedBytes / quantizedNumbers;
}
