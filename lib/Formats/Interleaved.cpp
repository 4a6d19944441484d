//===- Interleaved.cpp - rows interleaved, one row per dword lane ---------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/Interleaved.h"

#include <algorithm>

using namespace qopt;

std::vector<BitPlane> qopt::bitPlanes(int bits) {
  std::vector<BitPlane> planes;
  for (int width = 8, firstBit = 0; width > 0; width /= 2)
    if (bits & width) {
      planes.push_back({width, firstBit, /*firstDword=*/firstBit});
      firstBit += width; // a plane of p bits also takes p dwords of a chunk
    }
  return planes;
}

int64_t InterleavedLayout::groupColumns(int64_t group) const {
  int64_t length = scheme.groupLength(columns);
  return std::min(length, columns - group * length);
}

static int64_t chunksOf(int64_t columns) {
  return (columns + InterleavedLayout::chunkColumns - 1) /
         InterleavedLayout::chunkColumns;
}

int64_t InterleavedLayout::chunksPerGroup() const {
  return chunksOf(groupColumns(0));
}

int64_t InterleavedLayout::chunks() const {
  int64_t last = groups() - 1;
  return last * chunksPerGroup() + chunksOf(groupColumns(last));
}

std::vector<Component> InterleavedLayout::components() const {
  std::vector<Component> result = {
      {"packed", DType::U8, {blocks(), chunks() * scheme.bits, 4 * blockRows}},
      {"scales", DType::F16, {blocks(), groups(), blockRows}}};
  if (!scheme.symmetric)
    result.push_back({"zeros", DType::U8, {blocks(), groups(), blockRows}});
  return result;
}

namespace {
/// Where a row lies: its block's bytes and its lane.
struct RowPlace {
  RowPlace(const InterleavedLayout &layout, int64_t row)
      : layout(layout), block(row / layout.blockRows),
        lane(row % layout.blockRows) {}

  /// The byte of `packed` that holds the plane's field of a column of the
  /// chunk; fields never straddle bytes.
  int64_t codeByte(int64_t chunk, const BitPlane &plane, int column) const {
    int64_t vector = (block * layout.chunks() + chunk) * layout.scheme.bits +
                     plane.dword(column);
    return (vector * layout.blockRows + lane) * 4 + plane.shift(column) / 8;
  }
  /// The element of scales and zeros that belongs to a group.
  int64_t parameter(int64_t group) const {
    return (block * layout.groups() + group) * layout.blockRows + lane;
  }

  const InterleavedLayout &layout;
  int64_t block, lane;
};

/// Calls `visit(k, chunk, column of the chunk)` for every column k of a row.
template <typename Visit>
void forEachColumn(const InterleavedLayout &layout, Visit visit) {
  int64_t length = layout.scheme.groupLength(layout.columns);
  for (int64_t k = 0; k < layout.columns; ++k) {
    int64_t inGroup = k % length;
    visit(k,
          k / length * layout.chunksPerGroup() +
              inGroup / InterleavedLayout::chunkColumns,
          int(inGroup % InterleavedLayout::chunkColumns));
  }
}
} // namespace

void qopt::interleave(const InterleavedLayout &layout, ConstBuffers source,
                      MutableBuffers target) {
  const GroupedScheme &scheme = layout.scheme;
  for (std::span<uint8_t> buffer : target)
    std::ranges::fill(buffer, 0);
  const std::vector<BitPlane> planes = bitPlanes(scheme.bits);
  std::vector<uint8_t> codes(layout.columns);
  for (int64_t row = 0; row < layout.rows; ++row) {
    RowPlace place(layout, row);
    unpackCodes(source[0].data() + row * scheme.packedRowBytes(layout.columns),
                scheme.bits, codes);
    for (const BitPlane &plane : planes)
      forEachColumn(layout, [&](int64_t k, int64_t chunk, int column) {
        int field = codes[k] >> plane.firstBit & ((1 << plane.width) - 1);
        target[0][place.codeByte(chunk, plane, column)] |=
            field << plane.shift(column) % 8;
      });
    for (int64_t group = 0; group < layout.groups(); ++group) {
      int64_t from = row * layout.groups() + group;
      int64_t to = place.parameter(group);
      std::copy_n(&source[1][2 * from], 2, &target[1][2 * to]);
      if (!scheme.symmetric)
        target[2][to] = source[2][from];
    }
  }
}

void qopt::deinterleave(const InterleavedLayout &layout, ConstBuffers source,
                        MutableBuffers target) {
  const GroupedScheme &scheme = layout.scheme;
  const std::vector<BitPlane> planes = bitPlanes(scheme.bits);
  std::vector<uint8_t> codes(layout.columns);
  for (int64_t row = 0; row < layout.rows; ++row) {
    RowPlace place(layout, row);
    std::ranges::fill(codes, 0);
    for (const BitPlane &plane : planes)
      forEachColumn(layout, [&](int64_t k, int64_t chunk, int column) {
        int byte = source[0][place.codeByte(chunk, plane, column)];
        int field = byte >> plane.shift(column) % 8 & ((1 << plane.width) - 1);
        codes[k] |= field << plane.firstBit;
      });
    packCodes(codes, scheme.bits,
              target[0].data() + row * scheme.packedRowBytes(layout.columns));
    for (int64_t group = 0; group < layout.groups(); ++group) {
      int64_t from = place.parameter(group);
      int64_t to = row * layout.groups() + group;
      std::copy_n(&source[1][2 * from], 2, &target[1][2 * to]);
      if (!scheme.symmetric)
        target[2][to] = source[2][from];
    }
  }
}
