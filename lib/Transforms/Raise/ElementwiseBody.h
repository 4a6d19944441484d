//===- ElementwiseBody.h - what ops do with rows and elements ---*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_RAISE_ELEMENTWISEBODY_H
#define QOPT_LIB_TRANSFORMS_RAISE_ELEMENTWISEBODY_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
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

/// Whether a tensor is [n] or [1…, n].
inline bool isVector(mlir::Value value) {
  auto type = mlir::dyn_cast<mlir::RankedTensorType>(value.getType());
  return type && type.getRank() > 0 &&
         llvm::all_of(type.getShape().drop_back(),
                      [](int64_t size) { return size == 1; });
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

/// Whether a tensor op only groups the rows of its first operand differently:
/// elements of the last dimension stay together, and rows in their order.
inline bool regroupsRows(mlir::Operation *op) {
  auto keepsLast = [](auto reshape) {
    auto groups = reshape.getReassociationIndices();
    return !groups.empty() && groups.back().size() == 1;
  };
  if (auto expand = mlir::dyn_cast<mlir::tensor::ExpandShapeOp>(op))
    return keepsLast(expand);
  if (auto collapse = mlir::dyn_cast<mlir::tensor::CollapseShapeOp>(op))
    return keepsLast(collapse);
  if (auto reshape = mlir::dyn_cast<mlir::tosa::ReshapeOp>(op)) {
    auto last = [](mlir::Value value) {
      auto type = mlir::dyn_cast<mlir::RankedTensorType>(value.getType());
      return type && type.getRank() > 0 ? type.getShape().back()
                                        : mlir::ShapedType::kDynamic;
    };
    return !mlir::ShapedType::isDynamic(last(reshape.getInput1())) &&
           last(reshape.getInput1()) == last(reshape.getOutput());
  }
  auto cast = mlir::dyn_cast<mlir::tensor::CastOp>(op);
  return cast && mlir::isa<mlir::RankedTensorType>(cast.getSource().getType());
}

/// Whether an op on tensors only rounds to, or widens from, 16-bit floats.
inline bool changesPrecision(mlir::Operation *op) {
  return mlir::isa<mlir::arith::ExtFOp, mlir::arith::TruncFOp>(op);
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
