//===- Elementwise.cpp - short ways to write linalg.generic ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Elementwise.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace mlir;
using namespace qopt;

using utils::IteratorType;

static Value generic(ImplicitLocOpBuilder &b, Value initial, unsigned loops,
                     ArrayRef<Read> reads, ElementBody body) {
  auto type = cast<RankedTensorType>(initial.getType());
  const unsigned rank = type.getRank();
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (const Read &read : reads) {
    inputs.push_back(read.tensor);
    maps.push_back(AffineMap::get(loops, 0, read.at, b.getContext()));
  }
  SmallVector<AffineExpr> written;
  for (unsigned i = 0; i < rank; ++i)
    written.push_back(b.getAffineDimExpr(i));
  maps.push_back(AffineMap::get(loops, 0, written, b.getContext()));
  SmallVector<IteratorType> iterators(loops, IteratorType::parallel);
  std::fill(iterators.begin() + rank, iterators.end(), IteratorType::reduction);
  auto emit = [&](OpBuilder &builder, Location location, ValueRange elements) {
    ImplicitLocOpBuilder inner(location, builder);
    SmallVector<Value> wide;
    for (Value element : elements) {
      auto floats = dyn_cast<FloatType>(element.getType());
      bool narrow = floats && floats.getWidth() < 32;
      wide.push_back(
          narrow ? arith::ExtFOp::create(inner, inner.getF32Type(), element)
                       .getResult()
                 : element);
    }
    linalg::YieldOp::create(inner, body(inner, wide));
  };
  return linalg::GenericOp::create(b, type, inputs, initial, maps, iterators,
                                   emit)
      ->getResult(0);
}

Value qopt::mapElements(ImplicitLocOpBuilder &b, const Extents &extents,
                        ArrayRef<Read> reads, ElementBody body) {
  Value empty = tensor::EmptyOp::create(b, extents, b.getF32Type());
  return generic(b, empty, extents.size(), reads, body);
}

Value qopt::reduceElements(ImplicitLocOpBuilder &b, const Extents &extents,
                           TypedAttr initial, ArrayRef<Read> reads,
                           ElementBody body) {
  Value empty = tensor::EmptyOp::create(b, extents, initial.getType());
  Value start = arith::ConstantOp::create(b, initial);
  Value filled = linalg::FillOp::create(b, start, empty)->getResult(0);
  return generic(b, filled, extents.size() + 1, reads, body);
}

Value qopt::splitChannels(ImplicitLocOpBuilder &b, Value tensor,
                          int64_t length) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t parts = type.getDimSize(1) / length;
  Extents extents = tensor::getMixedSizes(b, b.getLoc(), tensor);
  extents[1] = b.getIndexAttr(parts);
  extents.push_back(b.getIndexAttr(length));
  return tensor::ExpandShapeOp::create(
      b,
      RankedTensorType::get({type.getDimSize(0), parts, length},
                            type.getElementType()),
      tensor, ArrayRef<ReassociationIndices>{{0}, {1, 2}}, extents);
}

Value qopt::joinChannels(ImplicitLocOpBuilder &b, Value tensor) {
  return tensor::CollapseShapeOp::create(
      b, tensor, ArrayRef<ReassociationIndices>{{0}, {1, 2}});
}

Softmax qopt::softmaxOf(ImplicitLocOpBuilder &b, Value tensor) {
  Extents all = tensor::getMixedSizes(b, b.getLoc(), tensor), rows = all;
  rows.pop_back();
  SmallVector<AffineExpr> every;
  for (unsigned i = 0; i < all.size(); ++i)
    every.push_back(b.getAffineDimExpr(i));
  SmallVector<AffineExpr> row(ArrayRef(every).drop_back());
  Value largest = reduceElements(
      b, rows, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()),
      {{tensor, every}}, [](ImplicitLocOpBuilder &inner, ValueRange read) {
        return arith::MaximumFOp::create(inner, read[1], read[0]);
      });
  Value powers =
      mapElements(b, all, {{tensor, every}, {largest, row}},
                  [](ImplicitLocOpBuilder &inner, ValueRange read) {
                    return math::ExpOp::create(
                        inner, arith::SubFOp::create(inner, read[0], read[1]));
                  });
  Value sums =
      reduceElements(b, rows, b.getF32FloatAttr(0), {{powers, every}},
                     [](ImplicitLocOpBuilder &inner, ValueRange read) {
                       return arith::AddFOp::create(inner, read[1], read[0]);
                     });
  return {powers, sums};
}
