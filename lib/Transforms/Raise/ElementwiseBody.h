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
#include "mlir/IR/Matchers.h"

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

/// Whether a tensor holds zeros, filled or constant.
inline bool isZero(mlir::Value value) {
  if (auto fill = value.getDefiningOp<mlir::linalg::FillOp>())
    value = fill.getInputs()[0];
  return mlir::matchPattern(value, mlir::m_AnyZeroFloat());
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

/// The map of an operand with the loop in place of a constant 0 where the
/// result, whose shape and map are given, has one element along it: front ends
/// write either.
inline mlir::AffineMap withoutUnitConstants(mlir::AffineMap map,
                                            mlir::AffineMap result,
                                            llvm::ArrayRef<int64_t> shape) {
  if (map.getNumResults() != result.getNumResults())
    return map;
  llvm::SmallVector<mlir::AffineExpr> at(map.getResults());
  for (unsigned i = 0; i < at.size(); ++i)
    if (shape[i] == 1 && mlir::isa<mlir::AffineConstantExpr>(at[i]))
      at[i] = result.getResult(i);
  return mlir::AffineMap::get(map.getNumDims(), 0, at, map.getContext());
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
