//===- ElementwiseBody.h - what a linalg op does with one element -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_RAISE_ELEMENTWISEBODY_H
#define QOPT_LIB_TRANSFORMS_RAISE_ELEMENTWISEBODY_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace qopt {

/// What a body yields, if it yields one value.
inline mlir::Value yieldedValue(mlir::linalg::LinalgOp op) {
  mlir::Operation *yield = op.getBlock()->getTerminator();
  return yield->getNumOperands() == 1 ? yield->getOperand(0) : mlir::Value();
}

/// The value before conversions to wider floats, which change no number.
inline mlir::Value beforeWidening(mlir::Value value) {
  while (auto cast = value.getDefiningOp<mlir::arith::ExtFOp>())
    value = cast.getIn();
  return value;
}

/// Whether the body yields its only input, as it is or as a wider float.
inline bool isCopyOrWidening(mlir::linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInputs() != 1 ||
      op.getNumDpsInits() != 1 ||
      !mlir::isa<mlir::RankedTensorType>(op.getDpsInputs()[0].getType()))
    return false;
  mlir::Value yielded = yieldedValue(op);
  return yielded && beforeWidening(yielded) == op.getBlock()->getArgument(0);
}

/// Operands of the op `Op` if `value` is its result.
template <typename Op>
std::optional<std::pair<mlir::Value, mlir::Value>>
operandsOf(mlir::Value value) {
  if (auto op = value.getDefiningOp<Op>())
    return std::pair<mlir::Value, mlir::Value>(op.getLhs(), op.getRhs());
  return {};
}

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_RAISE_ELEMENTWISEBODY_H
