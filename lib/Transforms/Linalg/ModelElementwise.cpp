//===- ModelElementwise.cpp - norms, gates and embeddings in linalg -------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Elementwise.h"
#include "ModelOps.h"

#include "qopt/Transforms/SortColumns.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <numbers>

using namespace mlir;
using namespace qopt;

/// The sum over the channels of each part of a tensor [tokens, parts, length],
/// of the squares if `squared`, of differences from `mean` if that is given.
static Value sumOf(ImplicitLocOpBuilder &b, Value parts, bool squared,
                   Value mean = {}) {
  AffineExpr t = b.getAffineDimExpr(0), h = b.getAffineDimExpr(1),
             c = b.getAffineDimExpr(2);
  Extents rows = tensor::getMixedSizes(b, b.getLoc(), parts);
  rows.pop_back();
  SmallVector<Read> reads = {{parts, {t, h, c}}};
  if (mean)
    reads.push_back({mean, {t, h}});
  return reduceElements(
      b, rows, b.getF32FloatAttr(0), reads,
      [&](ImplicitLocOpBuilder &inner, ValueRange read) -> Value {
        Value x = read[0];
        if (mean)
          x = arith::SubFOp::create(inner, x, read[1]);
        if (squared)
          x = arith::MulFOp::create(inner, x, x);
        return arith::AddFOp::create(inner, read.back(), x);
      });
}

/// sums / count, or 1 / sqrt(sums / count + eps).
static Value meanOf(ImplicitLocOpBuilder &b, Value sums, int64_t count,
                    std::optional<float> eps) {
  AffineExpr t = b.getAffineDimExpr(0), h = b.getAffineDimExpr(1);
  return mapElements(
      b, tensor::getMixedSizes(b, b.getLoc(), sums), {{sums, {t, h}}},
      [&](ImplicitLocOpBuilder &inner, ValueRange read) -> Value {
        Value mean = arith::DivFOp::create(inner, read[0],
                                           constantF32(inner, double(count)));
        if (!eps)
          return mean;
        return math::RsqrtOp::create(
            inner,
            arith::AddFOp::create(inner, mean, constantF32(inner, *eps)));
      });
}

Value qopt::lowerRmsNorm(ImplicitLocOpBuilder &b, llm::RmsNormOp op) {
  const int64_t length = op.getWeight().getType().getDimSize(0);
  Value parts = splitChannels(b, op.getInput(), length);
  Value factor = meanOf(b, sumOf(b, parts, /*squared=*/true), length,
                        op.getEps().convertToFloat());
  AffineExpr t = b.getAffineDimExpr(0), h = b.getAffineDimExpr(1),
             c = b.getAffineDimExpr(2);
  Value y =
      mapElements(b, tensor::getMixedSizes(b, b.getLoc(), parts),
                  {{parts, {t, h, c}}, {factor, {t, h}}, {op.getWeight(), {c}}},
                  [&](ImplicitLocOpBuilder &inner, ValueRange read) -> Value {
                    Value weight = read[2];
                    if (op.getOffset())
                      weight = arith::AddFOp::create(
                          inner, weight,
                          constantF32(inner, op.getOffset()->convertToFloat()));
                    Value x = arith::MulFOp::create(inner, read[0], read[1]);
                    return arith::MulFOp::create(inner, x, weight);
                  });
  return joinChannels(b, y);
}

Value qopt::lowerLayerNorm(ImplicitLocOpBuilder &b, llm::LayerNormOp op) {
  const int64_t length = op.getWeight().getType().getDimSize(0);
  Value parts = splitChannels(b, op.getInput(), length);
  Value mean = meanOf(b, sumOf(b, parts, /*squared=*/false), length, {});
  Value factor = meanOf(b, sumOf(b, parts, /*squared=*/true, mean), length,
                        op.getEps().convertToFloat());
  AffineExpr t = b.getAffineDimExpr(0), h = b.getAffineDimExpr(1),
             c = b.getAffineDimExpr(2);
  SmallVector<Read> reads = {{parts, {t, h, c}},
                             {mean, {t, h}},
                             {factor, {t, h}},
                             {op.getWeight(), {c}}};
  if (op.getBias())
    reads.push_back({op.getBias(), {c}});
  Value y = mapElements(
      b, tensor::getMixedSizes(b, b.getLoc(), parts), reads,
      [&](ImplicitLocOpBuilder &inner, ValueRange read) -> Value {
        Value x = arith::SubFOp::create(inner, read[0], read[1]);
        x = arith::MulFOp::create(inner, x, read[2]);
        x = arith::MulFOp::create(inner, x, read[3]);
        return op.getBias()
                   ? arith::AddFOp::create(inner, x, read[4]).getResult()
                   : x;
      });
  return joinChannels(b, y);
}

/// x · (1 + function(u)) / 2.
template <typename Function>
static Value halfOf(ImplicitLocOpBuilder &b, Value x, Value u) {
  Value sum =
      arith::AddFOp::create(b, Function::create(b, u), constantF32(b, 1));
  Value half = arith::MulFOp::create(b, x, constantF32(b, 0.5));
  return arith::MulFOp::create(b, half, sum);
}

static Value activate(ImplicitLocOpBuilder &b, llm::Activation activation,
                      Value x) {
  switch (activation) {
  case llm::Activation::Silu: {
    Value power = math::ExpOp::create(b, arith::NegFOp::create(b, x));
    Value sum = arith::AddFOp::create(b, power, constantF32(b, 1));
    return arith::DivFOp::create(b, x, sum);
  }
  case llm::Activation::Gelu: {
    Value u =
        arith::MulFOp::create(b, x, constantF32(b, 1 / std::numbers::sqrt2));
    return halfOf<math::ErfOp>(b, x, u);
  }
  case llm::Activation::GeluTanh: {
    // √(2/π) (x + 0.044715 x³)
    Value square = arith::MulFOp::create(b, x, x);
    Value share = arith::MulFOp::create(b, square, constantF32(b, 0.044715));
    Value factor = arith::AddFOp::create(b, share, constantF32(b, 1));
    Value u = arith::MulFOp::create(
        b, arith::MulFOp::create(b, x, factor),
        constantF32(b, std::sqrt(2 * std::numbers::inv_pi)));
    return halfOf<math::TanhOp>(b, x, u);
  }
  }
  llvm_unreachable("every activation is listed");
}

Value qopt::lowerGated(ImplicitLocOpBuilder &b, llm::GatedOp op) {
  AffineExpr t = b.getAffineDimExpr(0), c = b.getAffineDimExpr(1);
  return mapElements(b, tensor::getMixedSizes(b, b.getLoc(), op.getGate()),
                     {{op.getGate(), {t, c}}, {op.getUp(), {t, c}}},
                     [&](ImplicitLocOpBuilder &inner, ValueRange read) {
                       Value active =
                           activate(inner, op.getActivation(), read[0]);
                       return arith::MulFOp::create(inner, active, read[1]);
                     });
}

Value qopt::lowerSoftcap(ImplicitLocOpBuilder &b, llm::SoftcapOp op) {
  AffineExpr t = b.getAffineDimExpr(0), c = b.getAffineDimExpr(1);
  return mapElements(b, tensor::getMixedSizes(b, b.getLoc(), op.getInput()),
                     {{op.getInput(), {t, c}}},
                     [&](ImplicitLocOpBuilder &inner, ValueRange read) {
                       Value cap =
                           constantF32(inner, op.getCap().convertToFloat());
                       Value share = arith::DivFOp::create(inner, read[0], cap);
                       return arith::MulFOp::create(
                           inner, math::TanhOp::create(inner, share), cap);
                     });
}

Value qopt::lowerSlice(ImplicitLocOpBuilder &b, llm::SliceOp op) {
  Extents sizes = tensor::getMixedSizes(b, b.getLoc(), op.getInput());
  sizes[1] = b.getIndexAttr(op.getOutput().getType().getDimSize(1));
  Extents offsets = {b.getIndexAttr(0), b.getIndexAttr(op.getOffset())};
  Extents strides = {b.getIndexAttr(1), b.getIndexAttr(1)};
  return tensor::ExtractSliceOp::create(b, op.getOutput().getType(),
                                        op.getInput(), offsets, sizes, strides);
}

Value qopt::lowerPermuteChannels(ImplicitLocOpBuilder &b,
                                 PermuteChannelsOp op) {
  const unsigned last = op.getInput().getType().getRank() - 1;
  auto type = RankedTensorType::get(op.getOrder().size(), b.getI32Type());
  Value order = arith::ConstantOp::create(
      b, DenseIntElementsAttr::get(type, SmallVector<int32_t>(op.getOrder())));
  return mapElements(
      b, tensor::getMixedSizes(b, b.getLoc(), op.getInput()),
      {{order, {b.getAffineDimExpr(last)}}},
      [&](ImplicitLocOpBuilder &inner, ValueRange read) -> Value {
        SmallVector<Value> at;
        for (unsigned i = 0; i < last; ++i)
          at.push_back(linalg::IndexOp::create(inner, i));
        at.push_back(
            arith::IndexCastOp::create(inner, inner.getIndexType(), read[0]));
        return tensor::ExtractOp::create(inner, op.getInput(), at);
      });
}

Value qopt::lowerEmbedding(ImplicitLocOpBuilder &b, llm::EmbeddingOp op,
                           const WeightElement &table) {
  Extents extents = tensor::getMixedSizes(b, b.getLoc(), op.getTokens());
  extents.push_back(b.getIndexAttr(op.getOutput().getType().getDimSize(1)));
  return mapElements(
      b, extents, {{op.getTokens(), {b.getAffineDimExpr(0)}}},
      [&](ImplicitLocOpBuilder &inner, ValueRange read) -> Value {
        Value row =
            arith::IndexCastOp::create(inner, inner.getIndexType(), read[0]);
        Value column = linalg::IndexOp::create(inner, 1);
        SmallVector<Value> elements;
        for (auto [operand, map] :
             llvm::zip_equal(table.operands, table.maps)) {
          auto at = affine::expandAffineMap(inner, inner.getLoc(), map,
                                            {row, column});
          elements.push_back(tensor::ExtractOp::create(inner, operand, *at));
        }
        Value x = table.emit(inner, elements, row, column);
        if (!op.getScale())
          return x;
        return arith::MulFOp::create(
            inner, x, constantF32(inner, op.getScale()->convertToFloat()));
      });
}
