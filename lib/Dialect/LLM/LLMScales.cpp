//===- LLMScales.cpp - moving scales of channels through ops -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Ops that are not here (rope, softcap, route) are not linear in their
// channels, or mix them.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/LLM/LLMOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::llm;

SmallVector<ScaleWay> EmbeddingOp::getScaleWays() {
  return {{sameChannels(getTableMutable(), channelCount(getOutput()),
                        ScaleAxis::Columns)}};
}

/// A weight of one head's channels is used once per head.
SmallVector<ScaleWay> RmsNormOp::getScaleWays() {
  return {{sameChannels(getWeightMutable(), channelCount(getOutput()),
                        ScaleAxis::Columns, channelCount(getWeight()))}};
}

/// Weight and bias are scaled together.
SmallVector<ScaleWay> LayerNormOp::getScaleWays() {
  ScaleWay way{sameChannels(getWeightMutable(), channelCount(getOutput()),
                            ScaleAxis::Columns)};
  for (OpOperand &bias : getBiasMutable())
    way.push_back(
        sameChannels(bias, channelCount(getOutput()), ScaleAxis::Columns));
  return {way};
}

/// The output is a mean of values, so each of its heads takes the scale of the
/// values that it reads; heads that share them share the scale.
SmallVector<ScaleWay> AttentionOp::getScaleWays() {
  ScaledOperand value{&getValueMutable(), ScaleAxis::Channels, {}};
  int64_t headDim = channelCount(getValue()) / int64_t(getKvHeads());
  int64_t sharing = int64_t(getHeads()) / int64_t(getKvHeads());
  for (int64_t c = 0; c < channelCount(getOutput()); ++c)
    value.channels.push_back(c / headDim / sharing * headDim + c % headDim);
  return {{value}};
}

SmallVector<ScaleWay> GatedOp::getScaleWays() {
  return {{sameChannels(getUpMutable(), channelCount(getOutput()))}};
}

SmallVector<ScaleWay> SliceOp::getScaleWays() {
  ScaledOperand input{&getInputMutable(), ScaleAxis::Channels, {}};
  for (int64_t c = 0; c < channelCount(getOutput()); ++c)
    input.channels.push_back(int64_t(getOffset()) + c);
  return {{input}};
}

SmallVector<ScaleWay> DispatchOp::getScaleWays() {
  return {{sameChannels(getInputMutable(), channelCount(getOutput()))}};
}

SmallVector<ScaleWay> CombineOp::getScaleWays() {
  ScaleWay way;
  for (OpOperand &output : getOutputsMutable())
    way.push_back(sameChannels(output, channelCount(getOutput())));
  return {way};
}
