//===- GroupParameters.cpp - emission: scales and minima ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GroupParameters.h"
#include "Decode.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;
using Minimum = AffineHierarchy::Minimum;
using Scale = AffineHierarchy::Scale;

Value GroupParameters::half(StringRef suffix, Value block, Value index) {
  return emitHalfToFloat(v.b, v.target, load(suffix, block, index));
}

/// 2^(e - 128) for bytes e, also where that is subnormal.
static Value exponentToFloat(VectorBuilder &v, Value bytes) {
  Value e = v.zeroExtend(bytes);
  Value normal = v.shift(arith::SubIOp::create(v.b, e, v.splat(1)), -23);
  Value subnormal = arith::ShLIOp::create(v.b, v.splat(0x00200000), e);
  Value isSubnormal =
      arith::CmpIOp::create(v.b, arith::CmpIPredicate::ult, e, v.splat(2));
  // A shift by more than the width is no number: the select hides it.
  Value bits = arith::SelectOp::create(v.b, isSubnormal, subnormal, normal);
  return arith::BitcastOp::create(v.b, v.floats, bits);
}

Value GroupParameters::scale(Value block, Value group) {
  if (h.scale == Scale::Half)
    return half("scales", block, group);
  Value stored = load("scales", block, group);
  if (h.scale == Scale::Exponent)
    return exponentToFloat(v, stored);
  if (h.nibbleLevels)
    return v.toFloat(v.andBits(v.zeroExtend(stored), v.splat(15)));
  return v.toFloat(v.signExtend(stored));
}

Value GroupParameters::minimum(Value block, Value group) {
  switch (h.minimum) {
  case Minimum::None:
    return nullptr;
  case Minimum::ZeroPoint:
    return v.zeroExtend(load("zeros", block, group));
  case Minimum::Half:
    return half("minima", block, group);
  case Minimum::Level:
    if (h.nibbleLevels)
      return v.shift(v.zeroExtend(load("scales", block, group)), 4);
    return v.zeroExtend(load("minima", block, group));
  }
  llvm_unreachable("a minimum");
}

GroupParameters::Affine GroupParameters::affine(Value block, Value chunk,
                                                int group) {
  Value run = v.quotient(chunk, layout.chunksPerRun());
  const int64_t perChunk =
      h.hasLevels() ? InterleavedLayout::chunkColumns / h.groupSize : 1;
  Value index = h.hasLevels() ? v.add(v.times(chunk, perChunk), group) : run;
  Value s = scale(block, index), m = minimum(block, index);
  if (h.hasLevels())
    s = v.mulF(s, superScale(block, run));
  switch (h.minimum) {
  case Minimum::None:
    return {s, v.mulF(s, v.splat(float(h.values ? -128 : -h.zero)))};
  case Minimum::ZeroPoint:
    return {s, v.negF(v.mulF(s, v.toFloat(m)))};
  case Minimum::Half:
    return {s, m};
  case Minimum::Level:
    return {s, v.negF(v.mulF(superMinimum(block, run), v.toFloat(m)))};
  }
  llvm_unreachable("a minimum");
}

void GroupParameters::prefetch(Value block, Value chunk) {
  const Value zero = v.index(0);
  auto fetch = [&](Value memref, Value index) {
    memref::PrefetchOp::create(v.b, memref, ValueRange{block, index, zero},
                               /*isWrite=*/false, /*localityHint=*/2,
                               /*isDataCache=*/true);
  };
  Value run = v.quotient(chunk, layout.chunksPerRun());
  for (const Component &each : layout.components()) {
    Value memref = component(each.suffix);
    if (each.suffix == "packed")
      for (int i = 0; i < h.bits; ++i)
        fetch(memref, v.add(v.times(chunk, h.bits), i));
    else if (h.hasLevels() && !each.suffix.starts_with("super"))
      fetch(memref,
            v.times(chunk, InterleavedLayout::chunkColumns / h.groupSize));
    else
      fetch(memref, run);
  }
}

Value GroupParameters::rowMask(Value block) {
  return vector::CreateMaskOp::create(
      v.b, VectorType::get({lanes}, v.b.getI1Type()),
      ValueRange{v.sub(v.index(layout.rows), v.times(block, lanes))});
}

Value GroupParameters::loadOutput(Value row, Value block) {
  SmallVector<Value> place = {row, v.times(block, lanes)};
  if (layout.rows % lanes == 0)
    return v.load(arguments.output, place);
  return vector::MaskedLoadOp::create(v.b, v.floats, arguments.output, place,
                                      rowMask(block), v.splat(0.0f));
}

void GroupParameters::storeOutput(Value row, Value block, Value total) {
  SmallVector<Value> place = {row, v.times(block, lanes)};
  if (layout.rows % lanes == 0)
    vector::StoreOp::create(v.b, total, arguments.output, place);
  else
    vector::MaskedStoreOp::create(v.b, arguments.output, place, rowMask(block),
                                  total);
}
