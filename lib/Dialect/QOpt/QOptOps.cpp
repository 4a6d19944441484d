//===- QOptOps.cpp - the linear op and its helpers -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/QOpt/QOptOps.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace qopt;

#define GET_OP_CLASSES
#include "qopt/Dialect/QOpt/QOptOps.cpp.inc"

//===----------------------------------------------------------------------===//
// qopt.linear
//===----------------------------------------------------------------------===//

LogicalResult LinearOp::verify() {
  auto input = getInput().getType(), output = getOutput().getType();
  ShapedType weight = getWeight().getType();
  if (!weight.hasStaticShape())
    return emitOpError("needs a weight of static shape");
  if (input.getShape().back() != getInputSize())
    return emitOpError() << "input has " << input.getShape().back()
                         << " channels, but the weight has " << getInputSize()
                         << " columns";
  if (output.getShape().back() != getOutputSize())
    return emitOpError() << "output has " << output.getShape().back()
                         << " channels, but the weight has " << getOutputSize()
                         << " rows";
  if (input.getShape().drop_back() != output.getShape().drop_back())
    return emitOpError("input and output differ in their leading dimensions");
  if (getBias() && getBias().getType().getShape()[0] != getOutputSize())
    return emitOpError() << "bias has " << getBias().getType().getShape()[0]
                         << " entries, but the weight has " << getOutputSize()
                         << " rows";
  return success();
}

/// linear(x, dequantize(w)) -> linear(x, w): the kernel dequantizes as it
/// reads.
static LogicalResult fuseDequantize(LinearOp op, PatternRewriter &rewriter) {
  auto dequantize = op.getWeight().getDefiningOp<DequantizeOp>();
  if (!dequantize)
    return failure();
  rewriter.modifyOpInPlace(
      op, [&] { op.getWeightMutable().assign(dequantize.getWeight()); });
  return success();
}

/// A bias of zeros adds nothing.
static LogicalResult dropZeroBias(LinearOp op, PatternRewriter &rewriter) {
  if (!op.getBias() || !matchPattern(op.getBias(), m_AnyZeroFloat()))
    return failure();
  rewriter.modifyOpInPlace(op, [&] { op.getBiasMutable().clear(); });
  return success();
}

void LinearOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add(fuseDequantize);
  patterns.add(dropZeroBias);
}

//===----------------------------------------------------------------------===//
// qopt.dequantize
//===----------------------------------------------------------------------===//

LogicalResult DequantizeOp::verify() {
  if (getWeight().getType().getShape() != getOutput().getType().getShape())
    return emitOpError("weight and result differ in shape");
  return success();
}

/// The numbers of an f32 weight are the weight.
OpFoldResult DequantizeOp::fold(FoldAdaptor) {
  if (Type(getWeight().getType()) == Type(getOutput().getType()))
    return getWeight();
  return {};
}

//===----------------------------------------------------------------------===//
// qopt.permute_channels
//===----------------------------------------------------------------------===//

LogicalResult PermuteChannelsOp::verify() {
  int64_t channels = getInput().getType().getShape().back();
  if (int64_t(getOrder().size()) != channels)
    return emitOpError() << "order has " << getOrder().size()
                         << " entries, but the input has " << channels
                         << " channels";
  return PermuteAttr::verify([&] { return emitOpError(); }, Axis::Columns,
                             getOrderAttr());
}

/// Channels that stay where they are.
OpFoldResult PermuteChannelsOp::fold(FoldAdaptor) {
  for (auto [index, from] : llvm::enumerate(getOrder()))
    if (from != int64_t(index))
      return {};
  return getInput();
}

//===----------------------------------------------------------------------===//
// qopt.component
//===----------------------------------------------------------------------===//

LogicalResult ComponentOp::verify() {
  for (const Component &component :
       weightComponents(cast<ShapedType>(getWeight().getType()))) {
    if (StringRef(component.suffix) != getName())
      continue;
    MemRefType type = MemRefType::get(
        component.shape, componentElementType(getContext(), component.type));
    if (getOutput().getType() != type)
      return emitOpError() << "component '" << getName() << "' is a " << type;
    return success();
  }
  return emitOpError() << "weight has no component '" << getName() << "'";
}
