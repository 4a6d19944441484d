//===- ScaleInterface.h - moving scales of channels through ops -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_QOPT_SCALEINTERFACE_H
#define QOPT_DIALECT_QOPT_SCALEINTERFACE_H

#include "mlir/IR/OpDefinition.h"

#include <optional>

namespace qopt {

/// Where the channels of an operand lie.
enum class ScaleAxis : uint8_t {
  Channels, // last dimension of an activation
  Rows,     // of a weight: its output channels
  Columns,  // of a weight: its input channels; of a vector: its elements
};

/// An operand whose channels are tied to those of another value of its op.
struct ScaledOperand {
  mlir::OpOperand *operand;
  ScaleAxis axis;
  /// For each channel of the other value, the one of the operand that takes its
  /// scale. Several may name one: their scales must be equal. One that nobody
  /// names is not scaled.
  llvm::SmallVector<int64_t, 0> channels;
};
using ScaleWay = llvm::SmallVector<ScaledOperand, 2>;

/// Last dimension of a tensor.
int64_t channelCount(mlir::Value value);
/// All channels of an operand, each tied to that of the same number; with
/// `repeat`, channel c to c mod repeat.
ScaledOperand sameChannels(mlir::OpOperand &operand, int64_t count,
                           ScaleAxis axis = ScaleAxis::Channels,
                           int64_t repeat = 0);

} // namespace qopt

#include "qopt/Dialect/QOpt/ScaleInterface.h.inc"

namespace qopt {
/// Implements the interface for elementwise ops of arith, reshapes and casts.
void attachElementwiseScales(mlir::MLIRContext &context);
} // namespace qopt

#endif // QOPT_DIALECT_QOPT_SCALEINTERFACE_H
