//===- ScaleInterface.cpp - moving scales of channels through ops --------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/QOpt/ScaleInterface.h"
#include "qopt/Dialect/QOpt/QOptOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace qopt;

#include "qopt/Dialect/QOpt/ScaleInterface.cpp.inc"

int64_t qopt::channelCount(Value value) {
  return cast<ShapedType>(value.getType()).getShape().back();
}

ScaledOperand qopt::sameChannels(OpOperand &operand, int64_t count,
                                 ScaleAxis axis, int64_t repeat) {
  ScaledOperand scaled{&operand, axis, {}};
  for (int64_t c = 0; c < count; ++c)
    scaled.channels.push_back(repeat ? c % repeat : c);
  return scaled;
}

//===----------------------------------------------------------------------===//
// qopt.linear
//===----------------------------------------------------------------------===//

SmallVector<ScaleWay> LinearOp::getScaleWays() {
  ScaleWay way{
      sameChannels(getWeightMutable(), getOutputSize(), ScaleAxis::Rows)};
  for (OpOperand &bias : getBiasMutable())
    way.push_back(sameChannels(bias, getOutputSize(), ScaleAxis::Columns));
  return {way};
}

std::optional<ScaledOperand>
LinearOp::getScaleCompensation(OpOperand &operand) {
  if (&operand != &getInputMutable())
    return std::nullopt;
  return sameChannels(getWeightMutable(), getInputSize(), ScaleAxis::Columns);
}

//===----------------------------------------------------------------------===//
// arith
//===----------------------------------------------------------------------===//

namespace {

/// A sum is scaled with all of its operands, a product with any one; the
/// dividend of a quotient is its first operand. Conversions between floats
/// pass scales on, although another number is rounded then.
enum class Operands { All, Any, First };

template <typename OpTy, Operands which>
struct ElementwiseScale
    : ChannelScaleInterface::ExternalModel<ElementwiseScale<OpTy, which>,
                                           OpTy> {
  SmallVector<ScaleWay> getScaleWays(Operation *op) const {
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type || type.getRank() == 0 ||
        ShapedType::isDynamic(channelCount(op->getResult(0))))
      return {};
    SmallVector<ScaleWay> ways;
    for (OpOperand &operand : op->getOpOperands()) {
      if (ways.empty() || which == Operands::Any)
        ways.emplace_back();
      if (which != Operands::First || operand.getOperandNumber() == 0)
        ways.back().push_back(
            sameChannels(operand, channelCount(op->getResult(0))));
    }
    return ways;
  }
};

/// A reshape that leaves the channels together: it has as many before and
/// after.
template <typename OpTy>
struct ReshapeScale
    : ChannelScaleInterface::ExternalModel<ReshapeScale<OpTy>, OpTy> {
  SmallVector<ScaleWay> getScaleWays(Operation *op) const {
    OpOperand &source = op->getOpOperand(0);
    for (Value value : {source.get(), Value(op->getResult(0))}) {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      if (!type || type.getRank() == 0 ||
          ShapedType::isDynamic(channelCount(value)))
        return {};
    }
    const int64_t channels = channelCount(op->getResult(0));
    if (channelCount(source.get()) != channels)
      return {};
    return {{sameChannels(source, channels)}};
  }
};

/// Some of the channels, of some rows.
struct SliceScale
    : ChannelScaleInterface::ExternalModel<SliceScale, tensor::ExtractSliceOp> {
  SmallVector<ScaleWay> getScaleWays(Operation *op) const {
    auto slice = cast<tensor::ExtractSliceOp>(op);
    if (slice.getType().getRank() == 0)
      return {};
    const int64_t first = slice.getStaticOffsets().back(),
                  channels = channelCount(op->getResult(0));
    if (ShapedType::isDynamic(first) || ShapedType::isDynamic(channels) ||
        slice.getStaticSizes().back() != channels ||
        slice.getStaticStrides().back() != 1)
      return {};
    ScaledOperand source{&slice.getSourceMutable(), ScaleAxis::Channels, {}};
    for (int64_t c = 0; c < channels; ++c)
      source.channels.push_back(first + c);
    return {{source}};
  }
};

} // namespace

void qopt::attachElementwiseScales(MLIRContext &context) {
  context.loadDialect<tensor::TensorDialect>();
  tensor::CastOp::attachInterface<ReshapeScale<tensor::CastOp>>(context);
  tensor::CollapseShapeOp::attachInterface<
      ReshapeScale<tensor::CollapseShapeOp>>(context);
  tensor::ExpandShapeOp::attachInterface<ReshapeScale<tensor::ExpandShapeOp>>(
      context);
  tensor::ExtractSliceOp::attachInterface<SliceScale>(context);
  arith::AddFOp::attachInterface<
      ElementwiseScale<arith::AddFOp, Operands::All>>(context);
  arith::SubFOp::attachInterface<
      ElementwiseScale<arith::SubFOp, Operands::All>>(context);
  arith::MulFOp::attachInterface<
      ElementwiseScale<arith::MulFOp, Operands::Any>>(context);
  arith::DivFOp::attachInterface<
      ElementwiseScale<arith::DivFOp, Operands::First>>(context);
  arith::ExtFOp::attachInterface<
      ElementwiseScale<arith::ExtFOp, Operands::First>>(context);
  arith::TruncFOp::attachInterface<
      ElementwiseScale<arith::TruncFOp, Operands::First>>(context);
  arith::NegFOp::attachInterface<
      ElementwiseScale<arith::NegFOp, Operands::First>>(context);
}
