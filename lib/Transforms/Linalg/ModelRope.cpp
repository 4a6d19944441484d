//===- ModelRope.cpp - rotary embeddings in linalg ------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// With constants for each channel d of a head, one formula serves both ways to
// pair channels, and those that are not turned (frequency and sine 0):
//
//   y[d] = x[d] · cosine(pos · frequency[d]) + x[partner[d]] · sine(…)
//
//===----------------------------------------------------------------------===//
#include "Elementwise.h"
#include "ModelOps.h"

#include "qopt/Dialect/LLM/RopeScalingAttr.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace qopt;

namespace {
/// Of each channel of a head.
struct Channels {
  std::vector<float> shortFrequencies, longFrequencies;
  std::vector<float> cosine, sine; // factors
  std::vector<int64_t> partners;
};
} // namespace

static Channels channelsOf(llm::RopeOp op, const RopeScaling &scaling) {
  const int64_t headDim = op.getHeadDim(), half = op.getRotatedChannels() / 2;
  const double theta = op.getTheta().convertToDouble();
  auto frequencies = [&](RopeLength length) {
    return ropeFrequencies(2 * half, theta, scaling, length);
  };
  std::vector<float> shorter = frequencies(RopeLength::Short),
                     longer = scaling.kind == RopeScaling::Kind::LongRope
                                  ? frequencies(RopeLength::Long)
                                  : shorter;
  Channels channels;
  const float magnitude = float(scaling.magnitude);
  for (int64_t d = 0; d < headDim; ++d) {
    const bool turned = d < 2 * half;
    const bool low = op.getInterleaved() ? d % 2 == 0 : d < half;
    const int64_t pair = op.getInterleaved() ? d / 2 : d % half;
    const int64_t distance = op.getInterleaved() ? 1 : half;
    channels.shortFrequencies.push_back(turned ? shorter[pair] : 0);
    channels.longFrequencies.push_back(turned ? longer[pair] : 0);
    channels.cosine.push_back(turned ? magnitude : 1);
    channels.sine.push_back(turned ? (low ? -magnitude : magnitude) : 0);
    channels.partners.push_back(!turned ? d
                                : low   ? d + distance
                                        : d - distance);
  }
  return channels;
}

static Value vector(ImplicitLocOpBuilder &b, ArrayRef<float> values) {
  auto type = RankedTensorType::get({int64_t(values.size())}, b.getF32Type());
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, values));
}

/// The long frequencies if a position lies beyond the original context.
static Value chosenFrequencies(ImplicitLocOpBuilder &b, Value positions,
                               const Channels &channels, int64_t context) {
  Value last = reduceElements(
      b, {}, b.getI32IntegerAttr(0), {{positions, {b.getAffineDimExpr(0)}}},
      [](ImplicitLocOpBuilder &inner, ValueRange read) {
        return arith::MaxSIOp::create(inner, read[1], read[0]);
      });
  Value number = tensor::ExtractOp::create(b, last, ValueRange());
  Value beyond = arith::CmpIOp::create(
      b, arith::CmpIPredicate::sge,
      arith::ExtSIOp::create(b, b.getI64Type(), number),
      arith::ConstantIntOp::create(b, b.getI64Type(), context));
  return arith::SelectOp::create(b, beyond, vector(b, channels.longFrequencies),
                                 vector(b, channels.shortFrequencies));
}

Value qopt::lowerRope(ImplicitLocOpBuilder &b, llm::RopeOp op) {
  RopeScaling scaling = llm::ropeScalingOf(op.getScalingAttr());
  Channels channels = channelsOf(op, scaling);
  Value frequencies =
      scaling.kind == RopeScaling::Kind::LongRope
          ? chosenFrequencies(b, op.getPos(), channels, scaling.originalContext)
          : vector(b, channels.shortFrequencies);
  AffineExpr t = b.getAffineDimExpr(0), h = b.getAffineDimExpr(1),
             d = b.getAffineDimExpr(2);

  // Tables [tokens, head_dim], shared by all heads.
  Extents perToken = tensor::getMixedSizes(b, b.getLoc(), op.getPos());
  perToken.push_back(b.getIndexAttr(op.getHeadDim()));
  auto table = [&](ArrayRef<float> factors, auto function) {
    return mapElements(
        b, perToken,
        {{op.getPos(), {t}}, {frequencies, {h}}, {vector(b, factors), {h}}},
        [&](ImplicitLocOpBuilder &inner, ValueRange read) {
          Value position =
              arith::SIToFPOp::create(inner, inner.getF32Type(), read[0]);
          Value angle = arith::MulFOp::create(inner, position, read[1]);
          return arith::MulFOp::create(inner, function(inner, angle), read[2]);
        });
  };
  Value cosine = table(channels.cosine, [](auto &inner, Value angle) {
    return math::CosOp::create(inner, angle);
  });
  Value sine = table(channels.sine, [](auto &inner, Value angle) {
    return math::SinOp::create(inner, angle);
  });

  Value heads = splitChannels(b, op.getInput(), op.getHeadDim());
  auto partnersType =
      RankedTensorType::get({int64_t(op.getHeadDim())}, b.getIndexType());
  Value partners = arith::ConstantOp::create(
      b, DenseElementsAttr::get(partnersType, ArrayRef(channels.partners)));
  Value turned = mapElements(
      b, tensor::getMixedSizes(b, b.getLoc(), heads),
      {{heads, {t, h, d}}, {cosine, {t, d}}, {sine, {t, d}}, {partners, {d}}},
      [&](ImplicitLocOpBuilder &inner, ValueRange read) {
        Value token = linalg::IndexOp::create(inner, 0);
        Value head = linalg::IndexOp::create(inner, 1);
        Value other = tensor::ExtractOp::create(
            inner, heads, ValueRange{token, head, read[3]});
        return arith::AddFOp::create(
            inner, arith::MulFOp::create(inner, read[0], read[1]),
            arith::MulFOp::create(inner, other, read[2]));
      });
  return joinChannels(b, turned);
}
