//===- WeightTrace.h - from an operand back to constant numbers -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Front ends transpose, slice, reshape, repeat and widen a constant before they
// multiply with it. All of this together is one strided view of the constant:
//
//     element[i, j, …] = base[offset + i · stride_i + j · stride_j + …]
//
// where base counts the elements of the constant in row-major order, and a
// dimension along which numbers are repeated has stride 0.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_RAISE_WEIGHTTRACE_H
#define QOPT_LIB_TRANSFORMS_RAISE_WEIGHTTRACE_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

#include <optional>

namespace qopt {

struct StridedWeight {
  struct Dimension {
    int64_t size; // dynamic only where the stride is 0
    int64_t stride;
  };
  /// What holds the numbers: a value of `baseType`, and the symbol that it is
  /// the value of, if any.
  mlir::Attribute base;
  mlir::RankedTensorType baseType;
  mlir::Operation *symbol = nullptr;

  int64_t offset = 0;
  llvm::SmallVector<Dimension> dimensions;
};

/// How a value is read from a constant (`arith.constant`, `tosa.const`, the
/// value of an `ml_program.global`, or of any other symbol that an op without
/// operands loads), or nothing. Conversions to wider floats are looked through:
/// the numbers are the same.
std::optional<StridedWeight> traceWeight(mlir::Value value);

/// The vector [N] that a value repeats along all dimensions but the last; null
/// if it does not.
mlir::Value traceRepeatedVector(mlir::Value value);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_RAISE_WEIGHTTRACE_H
