//===- WeightTable.h - the weights of a model, line by line -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TRANSFORMS_WEIGHTTABLE_H
#define QOPT_TRANSFORMS_WEIGHTTABLE_H

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <string>
#include <vector>

namespace qopt {

/// A tensor as it lies, or is going to lie, in a file.
struct WeightRow {
  std::string name;
  std::vector<int64_t> shape; // outermost first
  std::string type;           // "q4_k", "int4_g128", "f16"
  bool quantized;
  int64_t bytes;

  int64_t numbers() const;
};

/// The weights of a module, each as what is assigned to it (see assignTypes),
/// or as it is.
std::vector<WeightRow> weightTable(mlir::ModuleOp module);

/// Sums over rows.
struct WeightTotal {
  int64_t bytes = 0, numbers = 0, quantizedBytes = 0, quantizedNumbers = 0;

  explicit WeightTotal(const std::vector<WeightRow> &rows);
  /// Bits per weight, 0 if there are none.
  double bits() const;
  double quantizedBits() const;
};

} // namespace qopt

#endif // QOPT_TRANSFORMS_WEIGHTTABLE_H
