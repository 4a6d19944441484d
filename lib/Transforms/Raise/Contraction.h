//===- Contraction.h - a sum of products of two tensors ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_RAISE_CONTRACTION_H
#define QOPT_LIB_TRANSFORMS_RAISE_CONTRACTION_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"

#include <optional>

namespace qopt {

/// output[…] = initial[…] + Σ operands[0][…] · operands[1][…], over loops of
/// which each map picks some.
struct Contraction {
  mlir::Operation *op;
  mlir::Value operands[2];
  mlir::AffineMap maps[2], outputMap;
  mlir::Value initial; // null: zeros
  mlir::Value bias;    // [N], null: none
};

/// The contraction that an op is, if it is one of floats: any linalg op with
/// such a body, `tosa.matmul`; convolutions if the kernel is one pixel.
std::optional<Contraction> matchContraction(mlir::Operation *op);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_RAISE_CONTRACTION_H
