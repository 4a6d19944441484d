//===- ModelExperts.cpp - mixtures of experts in linalg and scf -----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Elementwise.h"
#include "ModelOps.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace qopt;

/// An expert stays if fewer than top_k come before it: those with a larger
/// weight, and those with an equal one and a lower number.
Value qopt::lowerRoute(ImplicitLocOpBuilder &b, llm::RouteOp op) {
  AffineExpr t = b.getAffineDimExpr(0), e = b.getAffineDimExpr(1),
             other = b.getAffineDimExpr(2);
  Extents all = tensor::getMixedSizes(b, b.getLoc(), op.getLogits());
  Softmax softmax = softmaxOf(b, op.getLogits());
  auto divide = [](ImplicitLocOpBuilder &inner, ValueRange read) {
    return arith::DivFOp::create(inner, read[0], read[1]);
  };
  Value weights = mapElements(
      b, all, {{softmax.powers, {t, e}}, {softmax.sums, {t}}}, divide);
  Value rank = reduceElements(
      b, all, b.getI32IntegerAttr(0),
      {{weights, {t, e}}, {weights, {t, other}}},
      [](ImplicitLocOpBuilder &inner, ValueRange read) {
        Value lower = arith::CmpIOp::create(
            inner, arith::CmpIPredicate::ult,
            linalg::IndexOp::create(inner, 2).getResult(),
            linalg::IndexOp::create(inner, 1).getResult());
        Value larger = arith::CmpFOp::create(inner, arith::CmpFPredicate::OGT,
                                             read[1], read[0]);
        Value equal = arith::CmpFOp::create(inner, arith::CmpFPredicate::OEQ,
                                            read[1], read[0]);
        Value before = arith::OrIOp::create(
            inner, larger, arith::AndIOp::create(inner, equal, lower));
        return arith::AddIOp::create(
            inner, read[2],
            arith::ExtUIOp::create(inner, inner.getI32Type(), before));
      });
  Value kept =
      mapElements(b, all, {{weights, {t, e}}, {rank, {t, e}}},
                  [&](ImplicitLocOpBuilder &inner, ValueRange read) {
                    Value limit = arith::ConstantIntOp::create(
                        inner, inner.getI32Type(), int64_t(op.getTopK()));
                    Value stays = arith::CmpIOp::create(
                        inner, arith::CmpIPredicate::slt, read[1], limit);
                    return arith::SelectOp::create(inner, stays, read[0],
                                                   constantF32(inner, 0));
                  });
  if (!op.getNormalize())
    return kept;
  Extents rows(ArrayRef(all).drop_back());
  Value sums =
      reduceElements(b, rows, b.getF32FloatAttr(0), {{kept, {t, e}}},
                     [](ImplicitLocOpBuilder &inner, ValueRange read) {
                       return arith::AddFOp::create(inner, read[1], read[0]);
                     });
  return mapElements(b, all, {{kept, {t, e}}, {sums, {t}}}, divide);
}

/// Goes over the tokens with some state and the number of tokens that the
/// expert took so far; `take` makes the new state at one that it takes.
static SmallVector<Value>
overTokensOf(ImplicitLocOpBuilder &b, Value weights, int64_t expert,
             ValueRange state,
             llvm::function_ref<Value(ImplicitLocOpBuilder &, Value token,
                                      Value weight, Value count, Value state)>
                 take) {
  Value zero = constantIndex(b, 0), one = constantIndex(b, 1);
  Value number = constantIndex(b, expert);
  Value tokens = tensor::DimOp::create(b, weights, 0);
  SmallVector<Value> initial(state);
  initial.push_back(zero);
  auto loop = scf::ForOp::create(
      b, zero, tokens, one, initial,
      [&](OpBuilder &builder, Location location, Value token,
          ValueRange values) {
        ImplicitLocOpBuilder inner(location, builder);
        Value weight = tensor::ExtractOp::create(inner, weights,
                                                 ValueRange{token, number});
        Value taken = arith::CmpFOp::create(inner, arith::CmpFPredicate::UNE,
                                            weight, constantF32(inner, 0));
        auto choice = scf::IfOp::create(
            inner, taken,
            [&](OpBuilder &thenBuilder, Location thenLocation) {
              ImplicitLocOpBuilder then(thenLocation, thenBuilder);
              SmallVector<Value> results;
              if (values.size() == 2)
                results.push_back(
                    take(then, token, weight, values.back(), values.front()));
              results.push_back(
                  arith::AddIOp::create(then, values.back(), one));
              scf::YieldOp::create(then, results);
            },
            [&](OpBuilder &elseBuilder, Location elseLocation) {
              scf::YieldOp::create(elseBuilder, elseLocation, values);
            });
        scf::YieldOp::create(inner, choice.getResults());
      });
  return loop.getResults();
}

/// Row `index` of a tensor, as [1, channels].
static Value row(ImplicitLocOpBuilder &b, Value tensor, Value index,
                 Value into = {}) {
  auto type = cast<RankedTensorType>((into ? into : tensor).getType());
  Extents offsets = {index, b.getIndexAttr(0)},
          sizes = {b.getIndexAttr(1), b.getIndexAttr(type.getDimSize(1))},
          strides = {b.getIndexAttr(1), b.getIndexAttr(1)};
  if (into)
    return tensor::InsertSliceOp::create(b, tensor, into, offsets, sizes,
                                         strides);
  return tensor::ExtractSliceOp::create(b, tensor, offsets, sizes, strides);
}

Value qopt::lowerDispatch(ImplicitLocOpBuilder &b, llm::DispatchOp op) {
  const int64_t expert = op.getExpert();
  Value count = overTokensOf(b, op.getWeights(), expert, {}, nullptr).back();
  Extents extents = {count,
                     b.getIndexAttr(op.getOutput().getType().getDimSize(1))};
  Value empty = tensor::EmptyOp::create(b, extents, b.getF32Type());
  return overTokensOf(b, op.getWeights(), expert, empty,
                      [&](ImplicitLocOpBuilder &inner, Value token, Value,
                          Value taken, Value rows) {
                        return row(inner, row(inner, op.getInput(), token),
                                   taken, rows);
                      })
      .front();
}

Value qopt::lowerCombine(ImplicitLocOpBuilder &b, llm::CombineOp op) {
  AffineExpr one = b.getAffineDimExpr(0), c = b.getAffineDimExpr(1);
  Extents extents = {tensor::getMixedSize(b, b.getLoc(), op.getWeights(), 0),
                     b.getIndexAttr(op.getOutput().getType().getDimSize(1))};
  Value empty = tensor::EmptyOp::create(b, extents, b.getF32Type());
  Value sums =
      linalg::FillOp::create(b, constantF32(b, 0), empty)->getResult(0);
  for (auto [expert, output] : llvm::enumerate(op.getOutputs()))
    sums =
        overTokensOf(b, op.getWeights(), int64_t(expert), sums,
                     [&](ImplicitLocOpBuilder &inner, Value token, Value weight,
                         Value taken, Value state) {
                       Extents single = {inner.getIndexAttr(1), extents[1]};
                       Value sum = mapElements(
                           inner, single,
                           {{row(inner, state, token), {one, c}},
                            {row(inner, output, taken), {one, c}}},
                           [&](ImplicitLocOpBuilder &body, ValueRange read) {
                             return arith::AddFOp::create(
                                 body, read[0],
                                 arith::MulFOp::create(body, weight, read[1]));
                           });
                       return row(inner, sum, token, state);
                     })
            .front();
  return sums;
}
