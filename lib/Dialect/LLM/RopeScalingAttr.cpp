//===- RopeScalingAttr.cpp - scalings of rotary frequencies ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/LLM/RopeScalingAttr.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::llm;

Attribute qopt::llm::ropeScalingAttr(MLIRContext *context,
                                     const RopeScaling &scaling) {
  Builder builder(context);
  auto number = [&](double value) { return builder.getF64FloatAttr(value); };
  switch (scaling.kind) {
  case RopeScaling::Kind::None:
    return {};
  case RopeScaling::Kind::Linear:
    return LinearRopeAttr::get(context, number(scaling.factor));
  case RopeScaling::Kind::Llama3:
    return Llama3RopeAttr::get(context, number(scaling.factor),
                               number(scaling.lowFrequencyFactor),
                               number(scaling.highFrequencyFactor),
                               scaling.originalContext);
  case RopeScaling::Kind::Yarn:
    return YarnRopeAttr::get(
        context, number(scaling.factor), number(scaling.betaFast),
        number(scaling.betaSlow), scaling.originalContext,
        number(scaling.magnitude));
  case RopeScaling::Kind::LongRope:
    return LongRopeAttr::get(
        context, builder.getDenseF64ArrayAttr(scaling.shortFactors),
        builder.getDenseF64ArrayAttr(scaling.longFactors),
        scaling.originalContext, number(scaling.magnitude));
  }
  return {};
}

RopeScaling qopt::llm::ropeScalingOf(Attribute attribute) {
  RopeScaling scaling;
  if (auto linear = dyn_cast_or_null<LinearRopeAttr>(attribute)) {
    scaling.kind = RopeScaling::Kind::Linear;
    scaling.factor = linear.getFactor().getValueAsDouble();
  } else if (auto llama3 = dyn_cast_or_null<Llama3RopeAttr>(attribute)) {
    scaling.kind = RopeScaling::Kind::Llama3;
    scaling.factor = llama3.getFactor().getValueAsDouble();
    scaling.lowFrequencyFactor = llama3.getLowFreq().getValueAsDouble();
    scaling.highFrequencyFactor = llama3.getHighFreq().getValueAsDouble();
    scaling.originalContext = llama3.getOriginalContext();
  } else if (auto yarn = dyn_cast_or_null<YarnRopeAttr>(attribute)) {
    scaling.kind = RopeScaling::Kind::Yarn;
    scaling.factor = yarn.getFactor().getValueAsDouble();
    scaling.betaFast = yarn.getBetaFast().getValueAsDouble();
    scaling.betaSlow = yarn.getBetaSlow().getValueAsDouble();
    scaling.originalContext = yarn.getOriginalContext();
    scaling.magnitude = yarn.getMagnitude().getValueAsDouble();
  } else if (auto longRope = dyn_cast_or_null<LongRopeAttr>(attribute)) {
    scaling.kind = RopeScaling::Kind::LongRope;
    scaling.shortFactors = longRope.getShortFactors().asArrayRef().vec();
    scaling.longFactors = longRope.getLongFactors().asArrayRef().vec();
    scaling.originalContext = longRope.getOriginalContext();
    scaling.magnitude = longRope.getMagnitude().getValueAsDouble();
  }
  return scaling;
}
