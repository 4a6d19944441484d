//===- Activations.cpp - rows of x as signed bytes ------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Activations.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;
using Minimum = AffineHierarchy::Minimum;

static constexpr int64_t chunkColumns = InterleavedLayout::chunkColumns;

SegmentPlan::SegmentPlan(const InterleavedLayout &layout)
    : chunksPerRun(layout.chunksPerRun()),
      segmentsPerRun((chunksPerRun + maxChunks - 1) / maxChunks),
      chunks(layout.chunks()),
      segments((chunks + chunksPerRun - 1) / chunksPerRun * segmentsPerRun),
      chunksPerSegment(std::min(chunksPerRun, maxChunks)),
      groupsPerSegment(layout.hierarchy.hasLevels()
                           ? layout.hierarchy.superSize /
                                 layout.hierarchy.groupSize
                           : 1),
      zero(layout.hierarchy.values ? 128 : layout.hierarchy.zero),
      regular(segments * chunksPerSegment == chunks) {}

/// 1.5 * 2^23: adding it rounds half to even and leaves an integer in the low
/// bits of the sum.
static constexpr float rounder = 0x1.8p23f;

Activations::Places::Places(const InterleavedLayout &layout, int64_t rows) {
  const SegmentPlan plan(layout);
  auto aligned = [](int64_t bytes) { return (bytes + 63) / 64 * 64; };
  scaleColumns = plan.segments + rowPadding;
  sumColumns = plan.segments * plan.groupsPerSegment + rowPadding;
  scales = aligned(rows * dwordsPerRow(plan) * 4);
  sums = scales + aligned(rows * scaleColumns * 4);
  end = sums + aligned(rows * sumColumns * 4);
}

Activations::Activations(VectorBuilder &v, const InterleavedLayout &layout,
                         int64_t rows, Value storage)
    : plan(layout), v(v), layout(layout) {
  const Places places(layout, rows);
  if (!storage)
    storage = memref::AllocaOp::create(
        v.b, MemRefType::get({places.end}, v.b.getI8Type()),
        v.b.getI64IntegerAttr(64));
  auto view = [&](int64_t first, int64_t perRow, Type element) -> Value {
    return memref::ViewOp::create(v.b, MemRefType::get({rows, perRow}, element),
                                  storage, v.index(first), ValueRange());
  };
  Type f32 = v.b.getF32Type(), i32 = v.b.getI32Type();
  codes = view(0, dwordsPerRow(plan), i32);
  scales = view(places.scales, places.scaleColumns, f32);
  sums = view(places.sums, places.sumColumns,
              layout.hierarchy.minimum == Minimum::Half ? f32 : i32);
}

Value Activations::firstChunk(Value segment) {
  if (plan.segmentsPerRun == 1)
    return v.times(segment, plan.chunksPerRun);
  return v.add(
      v.times(v.quotient(segment, plan.segmentsPerRun), plan.chunksPerRun),
      v.times(v.remainder(segment, plan.segmentsPerRun),
              SegmentPlan::maxChunks));
}

Value Activations::chunkCount(Value segment) {
  if (plan.regular)
    return v.index(plan.chunksPerSegment);
  Value first = firstChunk(segment);
  Value run = v.quotient(segment, plan.segmentsPerRun);
  Value end = v.smaller(v.times(v.add(run, 1), plan.chunksPerRun),
                        v.index(plan.chunks));
  return v.greater(v.smaller(v.sub(end, first), v.index(plan.chunksPerSegment)),
                   v.index(0));
}

void Activations::quantize(Value x, Value first, Value count) {
  v.loop(v.index(0), count, 1, [&](Value row) {
    Value source = v.add(first, row);
    v.loop(v.index(0), v.index(plan.segments), 1,
           [&](Value segment) { quantizeSegment(x, source, row, segment); });
  });
}

Value Activations::loadColumns(Value x, Value source, Value column, Value end) {
  SmallVector<Value> place = {source, column};
  if (layout.columns % chunkColumns == 0 &&
      layout.runColumns() % chunkColumns == 0)
    return v.load(x, place);
  Value mask = vector::CreateMaskOp::create(
      v.b, VectorType::get({lanes}, v.b.getI1Type()),
      ValueRange{v.greater(v.sub(end, column), v.index(0))});
  return vector::MaskedLoadOp::create(v.b, v.floats, x, place, mask,
                                      v.splat(0.0f));
}

Value Activations::storeCodes(Value vector, Value inverse, Value row,
                              Value dword) {
  Value rounded =
      arith::AddFOp::create(v.b, v.mulF(vector, inverse), v.splat(rounder));
  Value integers = arith::BitcastOp::create(v.b, v.dwords, rounded);
  Value narrow = arith::TruncIOp::create(
      v.b, VectorType::get({lanes}, v.b.getI8Type()), integers);
  vector::StoreOp::create(
      v.b,
      vector::BitCastOp::create(
          v.b, VectorType::get({lanes / 4}, v.b.getI32Type()), narrow),
      codes, ValueRange{row, dword});
  return v.signExtend(narrow);
}

void Activations::storeSum(Value columns, Value scale, Value row, Value group) {
  Value sum =
      vector::ReductionOp::create(v.b, vector::CombiningKind::ADD, columns);
  auto constant = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(v.b, v.b.getI32IntegerAttr(value));
  };
  switch (layout.hierarchy.minimum) {
  case Minimum::None:
    sum = arith::MulIOp::create(v.b, sum, constant(-plan.zero));
    break;
  case Minimum::ZeroPoint:
    sum = arith::SubIOp::create(v.b, constant(0), sum);
    break;
  case Minimum::Level:
    break;
  case Minimum::Half:
    sum = arith::MulFOp::create(
        v.b, scale, arith::SIToFPOp::create(v.b, v.b.getF32Type(), sum));
    break;
  }
  memref::StoreOp::create(v.b, sum, sums, ValueRange{row, group});
}

static Value magnitude(VectorBuilder &v, Value vector) {
  Value bits = arith::BitcastOp::create(v.b, v.dwords, vector);
  return arith::BitcastOp::create(v.b, v.floats,
                                  v.andBits(bits, v.splat(0x7fffffff)));
}

void Activations::quantizeSegment(Value x, Value source, Value row,
                                  Value segment) {
  Value run = v.quotient(segment, plan.segmentsPerRun);
  Value first = v.add(v.times(run, layout.runColumns()),
                      v.times(v.remainder(segment, plan.segmentsPerRun),
                              SegmentPlan::maxChunks * chunkColumns));
  Value end = v.smaller(v.times(v.add(run, 1), layout.runColumns()),
                        v.index(layout.columns));
  Value vectors = v.times(chunkCount(segment), chunkColumns / lanes);

  VectorBuilder::Values largest = {v.splat(0.0f)};
  v.loop(v.index(0), vectors, 1, largest,
         [&](Value i, VectorBuilder::Values &carried) {
           Value part =
               loadColumns(x, source, v.add(first, v.times(i, lanes)), end);
           carried[0] =
               arith::MaximumFOp::create(v.b, carried[0], magnitude(v, part));
         });
  Value extreme = vector::ReductionOp::create(
      v.b, vector::CombiningKind::MAXIMUMF, largest[0]);
  auto constant = [&](float value) -> Value {
    return arith::ConstantOp::create(v.b, v.b.getF32FloatAttr(value));
  };
  Value scale = arith::DivFOp::create(v.b, extreme, constant(127));
  memref::StoreOp::create(v.b, scale, scales, ValueRange{row, segment});
  Value isZero = arith::CmpFOp::create(v.b, arith::CmpFPredicate::OEQ, extreme,
                                       constant(0));
  Value inverse = v.broadcast(arith::SelectOp::create(
      v.b, isZero, constant(0),
      arith::DivFOp::create(v.b, constant(127), extreme)));

  Value firstDword = v.times(firstChunk(segment), 8);
  auto quantizeVectors = [&](Value begin, Value stop, Value group) {
    VectorBuilder::Values sum = {v.splat(0)};
    v.loop(begin, stop, 1, sum, [&](Value i, VectorBuilder::Values &carried) {
      Value part = loadColumns(x, source, v.add(first, v.times(i, lanes)), end);
      carried[0] =
          v.add(carried[0], storeCodes(part, inverse, row,
                                       v.add(firstDword, v.times(i, 4))));
    });
    storeSum(sum[0], scale, row, group);
  };
  if (plan.groupsPerSegment == 1)
    return quantizeVectors(v.index(0), vectors, segment);
  const int64_t vectorsPerGroup = layout.hierarchy.groupSize / lanes;
  v.loop(v.index(0), v.index(plan.groupsPerSegment), 1, [&](Value i) {
    Value begin = v.times(i, vectorsPerGroup);
    quantizeVectors(begin, v.add(begin, vectorsPerGroup),
                    v.add(v.times(segment, plan.groupsPerSegment), i));
  });
}
