//===- Elementwise.h - short ways to write linalg.generic -------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_LINALG_ELEMENTWISE_H
#define QOPT_LIB_TRANSFORMS_LINALG_ELEMENTWISE_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace qopt {

/// A tensor that a generic reads, and which element of it at the loops.
struct Read {
  mlir::Value tensor;
  llvm::SmallVector<mlir::AffineExpr> at;
};
using Extents = llvm::SmallVector<mlir::OpFoldResult>;
/// From the elements that were read to the one that is written.
using ElementBody = llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                                   mlir::ValueRange)>;

/// A tensor of f32 with these extents, each element computed by itself; loop i
/// runs over dimension i. Narrower floats are widened before the body sees
/// them.
mlir::Value mapElements(mlir::ImplicitLocOpBuilder &b, const Extents &extents,
                        llvm::ArrayRef<Read> reads, ElementBody body);

/// Dimensions [0, extents.size()) of the result, and one more loop, over which
/// the body combines what it reads with what it has, its last value. Starts
/// from a scalar constant, whose type is that of the result.
mlir::Value reduceElements(mlir::ImplicitLocOpBuilder &b,
                           const Extents &extents, mlir::TypedAttr initial,
                           llvm::ArrayRef<Read> reads, ElementBody body);

inline mlir::Value constantF32(mlir::ImplicitLocOpBuilder &b, double value) {
  return mlir::arith::ConstantOp::create(b, b.getF32FloatAttr(float(value)));
}
inline mlir::Value constantIndex(mlir::ImplicitLocOpBuilder &b, int64_t value) {
  return mlir::arith::ConstantIndexOp::create(b, value);
}

/// [tokens, channels] as [tokens, channels / length, length], and back.
mlir::Value splitChannels(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor,
                          int64_t length);
mlir::Value joinChannels(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor);

/// The softmax over the last dimension of a tensor of rank 3 or 2, as what it
/// divides, exp(x − max(x)), and by what.
struct Softmax {
  mlir::Value powers, sums;
};
Softmax softmaxOf(mlir::ImplicitLocOpBuilder &b, mlir::Value tensor);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_LINALG_ELEMENTWISE_H
