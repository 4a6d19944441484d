//===- MmaLayout.cpp - weights in the order of mma.sync -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/MmaLayout.h"
#include "SchemeRows.h"

#include <algorithm>
#include <array>

using namespace qopt;
using Scale = AffineHierarchy::Scale;
using Minimum = AffineHierarchy::Minimum;

/// Pair f mod F = j lowest + r, where `lowest` pairs of the first plane stand
/// in a byte: r fixes how far the pair is from its place above the first
/// plane's bits, so that pairs with the same j need the same shift. Half of the
/// j start in the other byte.
int MmaPlane::bit(int f) const {
  int inWord = f % pairs();
  if (firstBit == 0)
    return width * inWord;
  int lowest = 8 / lowestWidth, rounds = pairs() / lowest;
  int j = inWord / lowest, r = inWord % lowest;
  return (lowestWidth * r + firstBit + 8 * (j / (rounds / 2)) +
          width * (j % (rounds / 2))) %
         16;
}

std::vector<MmaPlane> MmaLayout::planes() const {
  std::vector<MmaPlane> planes;
  int firstBit = 0;
  for (int width = 8; width > 0; width /= 2)
    if (hierarchy.bits & width) {
      int lowest = planes.empty() ? width : planes.front().width;
      planes.push_back({width, firstBit, lowest, 128 * firstBit});
      firstBit += width;
    }
  return planes;
}

Status MmaLayout::supports(const AffineHierarchy &hierarchy, int64_t rows,
                           int64_t columns) {
  if (hierarchy.bits == 7)
    return badInput("the mma layout holds no 7-bit codes; 8-bit ones are as "
                    "fast");
  if (hierarchy.values || hierarchy.scale == Scale::Exponent)
    return badInput("the mma layout holds no codes that stand for values of a "
                    "table");
  int64_t group = hierarchy.groupSize;
  if (group != -1 && group != 16 && group != 32 && group != 64 &&
      group % chunkColumns != 0)
    return badInput("the mma layout takes groups of 16, 32, 64, a multiple of "
                    "128 or a whole row, not ",
                    group);
  if (rows % 8 != 0 || columns % 8 != 0)
    return badInput("the mma layout needs rows and columns that are multiples "
                    "of 8, not ",
                    rows, " x ", columns);
  return {};
}

std::vector<Component> MmaLayout::components() const {
  std::vector<Component> result = {
      {"packed", DType::U8, {tilesOfRows(), tilesOfColumns(), tileBytes()}}};
  if (hierarchy.hasLevels())
    result.push_back(
        {"scales", DType::U8, {tilesOfRows(), chunks(), scaleRecord()}});
  else
    result.push_back({"scales",
                      DType::F16,
                      {tilesOfRows(), paddedGroups(), scaleRecord() / 2}});
  if (hasZeros())
    result.push_back(
        {"zeros", DType::U8, {tilesOfRows(), paddedGroups(), tileRows}});
  if (hierarchy.hasLevels())
    result.push_back({"super_scales",
                      DType::F16,
                      {tilesOfRows(), superBlocks(), superRecord() / 2}});
  return result;
}

MmaLayout::Place MmaLayout::codePlace(const MmaPlane &plane, int64_t row,
                                      int64_t column) const {
  int64_t tile = row / tileRows * tilesOfColumns() + column / tileColumns;
  int g = row % 8, h = row % tileRows / 8;
  int s = column % tileColumns / 16, u = column % 16 / 8;
  int t = column % 8 / 2, e = column % 2;
  int f = 4 * s + h + 2 * u;
  int bit = plane.bit(f) + 16 * e;
  return {tile * tileBytes() + plane.byte(4 * g + t, plane.word(f)) + bit / 8,
          bit % 8};
}

/// Where the numbers of row 8 h + g begin in a record: 2 g + h of pairs, or
/// 4 g + h where minima follow.
static int64_t inRecord(const MmaLayout &layout, int64_t row) {
  int64_t g = row % 8, h = row % MmaLayout::tileRows / 8;
  return (layout.hasHalfMinima() ? 4 : 2) * g + h;
}

int64_t MmaLayout::parameterIndex(int64_t row, int64_t group) const {
  int64_t tile = row / tileRows;
  if (!hierarchy.hasLevels())
    return (tile * paddedGroups() + group) * (scaleRecord() / 2) +
           inRecord(*this, row);
  int64_t ofChunk = chunkColumns / hierarchy.groupSize;
  int64_t g = row % 8, h = row % tileRows / 8;
  return (tile * chunks() + group / ofChunk) * scaleRecord() + 16 * g +
         16 / ofChunk * (group % ofChunk) + h;
}

int64_t MmaLayout::superIndex(int64_t row, int64_t superBlock) const {
  return (row / tileRows * superBlocks() + superBlock) * (superRecord() / 2) +
         inRecord(*this, row);
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

namespace {
/// Some bits of a number of a row: where they lie.
struct Field {
  int component;
  int64_t byte;
  int shift, width; // of the bits; width 16 takes two bytes
};

/// Moves rows between the components of a layout and a HierarchyRow.
class RowMover {
public:
  explicit RowMover(const MmaLayout &layout)
      : layout(layout), h(layout.hierarchy), planes(layout.planes()) {}

  /// Adds a row to components that are zeros there.
  void store(const HierarchyRow &row, int64_t index, MutableBuffers target) {
    forEachCode(index, [&](int64_t column, int64_t byte, int shift,
                           const MmaPlane &plane) {
      int mask = (1 << plane.width) - 1;
      target[0][byte] |= (row.codes[column] >> plane.firstBit & mask) << shift;
    });
    forEachParameter(row, index, [&](uint16_t number, const Field &field) {
      uint8_t *bytes = &target[field.component][field.byte];
      bytes[0] |= number << field.shift;
      if (field.width == 16)
        bytes[1] = number >> 8;
    });
  }

  void load(HierarchyRow &row, int64_t index, ConstBuffers source) {
    std::ranges::fill(row.codes, 0);
    forEachCode(index, [&](int64_t column, int64_t byte, int shift,
                           const MmaPlane &plane) {
      int mask = (1 << plane.width) - 1;
      row.codes[column] |= (source[0][byte] >> shift & mask) << plane.firstBit;
    });
    forEachParameter(row, index, [&](uint16_t &number, const Field &field) {
      const uint8_t *bytes = &source[field.component][field.byte];
      number = bytes[0] >> field.shift & ((1 << field.width) - 1);
      if (field.width == 16)
        number |= bytes[1] << 8;
    });
  }

private:
  static Field half(int component, int64_t index) {
    return {component, 2 * index, 0, 16};
  }
  Field scaleField(int64_t place) const {
    if (!h.hasLevels())
      return half(1, place);
    return {1, place, 0, h.nibbleLevels ? 4 : 8};
  }
  Field minimumField(int64_t place) const {
    if (layout.hasZeros())
      return {2, place, 0, 8};
    if (!h.hasLevels())
      return half(1, place + 2);
    return h.nibbleLevels ? Field{1, place, 4, 4} : Field{1, place + 2, 0, 8};
  }

  /// Calls visit(number, field) for all parameters of a row.
  template <typename Row, typename Visit>
  void forEachParameter(Row &row, int64_t index, Visit visit) const {
    for (size_t group = 0; group < row.scales.size(); ++group) {
      int64_t place = layout.parameterIndex(index, group);
      visit(row.scales[group], scaleField(place));
      if (!row.minima.empty())
        visit(row.minima[group], minimumField(place));
    }
    for (size_t block = 0; block < row.superScales.size(); ++block) {
      int64_t place = layout.superIndex(index, block);
      visit(row.superScales[block], half(2, place));
      if (!row.superMinima.empty())
        visit(row.superMinima[block], half(2, place + 2));
    }
  }

  /// Calls visit(column, byte, shift, plane) for all bits of a row's codes.
  template <typename Visit> void forEachCode(int64_t index, Visit visit) {
    constexpr int64_t tileColumns = MmaLayout::tileColumns;
    for (const MmaPlane &plane : planes) {
      std::array<MmaLayout::Place, tileColumns> places; // of the first tile
      for (int64_t column = 0; column < tileColumns; ++column)
        places[column] = layout.codePlace(plane, index, column);
      for (int64_t column = 0; column < layout.columns; ++column) {
        const MmaLayout::Place &place = places[column % tileColumns];
        visit(column, place.byte + column / tileColumns * layout.tileBytes(),
              place.shift, plane);
      }
    }
  }

  const MmaLayout &layout;
  const AffineHierarchy &h;
  std::vector<MmaPlane> planes;
};
} // namespace

void MmaLayout::pack(ConstBuffers source, MutableBuffers target) const {
  for (std::span<uint8_t> buffer : target)
    std::ranges::fill(buffer, 0);
  RowMover mover(*this);
  SchemeRows scheme(hierarchy, columns, fields);
  HierarchyRow row(hierarchy, columns);
  for (int64_t index = 0; index < rows; ++index) {
    scheme.read(source, index, row);
    mover.store(row, index, target);
  }
}

void MmaLayout::unpack(ConstBuffers source, MutableBuffers target) const {
  RowMover mover(*this);
  SchemeRows scheme(hierarchy, columns, fields);
  HierarchyRow row(hierarchy, columns);
  for (int64_t index = 0; index < rows; ++index) {
    mover.load(row, index, source);
    scheme.write(row, index, target);
  }
}
