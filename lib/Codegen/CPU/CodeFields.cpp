//===- CodeFields.cpp - emission: stored dwords to bytes of codes ---------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CodeFields.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

//===----------------------------------------------------------------------===//
// ChainPlan
//===----------------------------------------------------------------------===//

ChainPlan::ChainPlan(const AffineHierarchy &hierarchy, double groupChunks,
                     const IntegerDot &unit)
    : planes(bitPlanes(hierarchy.bits)) {
  for (size_t plane = 0; plane < planes.size(); ++plane) {
    const int width = planes[plane].width;
    // Fields in place spare a shift per dword and cost two operations per
    // chain and group; the uppermost ones fill the byte.
    const bool useful = width * groupChunks > 2 && unit.fullBytes();
    masked.push_back(useful && width < 8 && !hierarchy.values);
    for (int shift = 0; shift < (masked[plane] ? 8 : 1); shift += width)
      all.push_back({int(plane), shift});
  }
}

int ChainPlan::chain(int plane, int step) const {
  const int shift = masked[plane] ? planes[plane].shift(4 * step) : 0;
  for (size_t i = 0; i < all.size(); ++i)
    if (all[i].plane == plane && all[i].shift == shift)
      return int(i);
  llvm_unreachable("every field has a chain");
}

//===----------------------------------------------------------------------===//
// ChunkCodes
//===----------------------------------------------------------------------===//

Value ChunkCodes::dword(int index) {
  Value &value = loaded[index];
  if (!value) {
    Value at = v.add(v.times(chunk, hierarchy.bits), index);
    Value raw = vector::LoadOp::create(v.b, v.bytes, packed,
                                       ValueRange{block, at, v.index(0)});
    value = v.asDwords(raw);
  }
  return value;
}

Value ChunkCodes::field(int index, int step, bool inPlace) {
  const BitPlane &plane = planes[index];
  Value bits = dword(plane.dword(4 * step));
  if (plane.width == 8)
    return bits;
  const int shift = plane.shift(4 * step), mask = (1 << plane.width) - 1;
  if (inPlace)
    return v.andBits(bits, v.splatBytes(mask << shift));
  return v.andBits(v.shift(bits, shift), v.splatBytes(mask));
}

Value ChunkCodes::codes(int step) {
  Value code = field(0, step, false);
  for (size_t i = 1; i < planes.size(); ++i) {
    // Straight to the bits that it has in the code.
    const BitPlane &plane = planes[i];
    Value bits = v.shift(dword(plane.dword(4 * step)),
                         plane.shift(4 * step) - plane.firstBit);
    const int mask = ((1 << plane.width) - 1) << plane.firstBit;
    code = v.orBits(code, v.andBits(bits, v.splatBytes(mask)));
  }
  if (!hierarchy.values)
    return code;
  std::array<uint8_t, 16> table;
  for (int i = 0; i < 16; ++i)
    table[i] = uint8_t(hierarchy.values[i] + 128);
  return unit.lookup(code, table);
}

void qopt::cpu::prefetchCodes(VectorBuilder &v, const InterleavedLayout &layout,
                              Value packed, Value block, Value chunk,
                              int64_t distance) {
  const int64_t perChunk = layout.hierarchy.bits, width = 4 * lanes;
  const int64_t count = layout.blocks() * layout.chunks() * perChunk;
  Value vectors = memref::ReinterpretCastOp::create(
      v.b, MemRefType::get({count, width}, v.b.getI8Type()), packed,
      /*offset=*/0, ArrayRef<int64_t>{count, width},
      ArrayRef<int64_t>{width, 1});
  Value first = v.times(
      v.add(v.add(v.times(block, layout.chunks()), chunk), distance), perChunk);
  for (int64_t i = 0; i < perChunk; ++i)
    memref::PrefetchOp::create(
        v.b, vectors,
        ValueRange{v.smaller(v.add(first, i), v.index(count - 1)), v.index(0)},
        /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
}
