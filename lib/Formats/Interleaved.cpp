//===- Interleaved.cpp - rows interleaved, one row per dword lane ---------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/Interleaved.h"
#include "SchemeRows.h"

#include <cstring>

using namespace qopt;
using Scale = AffineHierarchy::Scale;
using Minimum = AffineHierarchy::Minimum;

static constexpr int chunkColumns = InterleavedLayout::chunkColumns;

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
  int64_t length = hierarchy.groupLength(columns);
  return std::min(length, columns - group * length);
}

static int64_t chunksOf(int64_t columns) {
  return (columns + chunkColumns - 1) / chunkColumns;
}

int64_t InterleavedLayout::chunksPerRun() const {
  return chunksOf(std::min(runColumns(), columns));
}

int64_t InterleavedLayout::chunks() const {
  int64_t full = columns / runColumns();
  return full * chunksPerRun() + chunksOf(columns - full * runColumns());
}

std::vector<Component> InterleavedLayout::components() const {
  const AffineHierarchy &h = hierarchy;
  std::vector<Component> result = {
      {"packed", DType::U8, {blocks(), chunks() * h.bits, 4 * blockRows}}};
  auto perGroup = [&](std::string_view suffix, bool half) {
    result.push_back({suffix,
                      half ? DType::F16 : DType::U8,
                      {blocks(), groups(), blockRows}});
  };
  perGroup("scales", h.scale == Scale::Half);
  if (h.minimum == Minimum::ZeroPoint)
    perGroup("zeros", false);
  else if (h.minimum != Minimum::None && !h.nibbleLevels)
    perGroup("minima", h.minimum == Minimum::Half);
  std::vector<int64_t> super = {blocks(), h.superBlocks(columns), blockRows};
  if (h.scale == Scale::Level)
    result.push_back({"super_scales", DType::F16, super});
  if (h.minimum == Minimum::Level)
    result.push_back({"super_minima", DType::F16, super});
  return result;
}

int InterleavedLayout::componentIndex(std::string_view suffix) const {
  std::vector<Component> all = components();
  for (size_t i = 0; i < all.size(); ++i)
    if (all[i].suffix == suffix)
      return int(i);
  return -1;
}

namespace {
/// Moves rows between the components of a layout and a HierarchyRow.
class RowMover {
public:
  explicit RowMover(const InterleavedLayout &layout)
      : layout(layout), h(layout.hierarchy), planes(bitPlanes(h.bits)),
        padded(layout.chunks() * chunkColumns),
        scales(layout.componentIndex("scales")),
        minima(layout.componentIndex(
            h.minimum == Minimum::ZeroPoint ? "zeros" : "minima")),
        superScales(layout.componentIndex("super_scales")),
        superMinima(layout.componentIndex("super_minima")) {}

  void load(HierarchyRow &row, int64_t index, ConstBuffers source) {
    std::ranges::fill(padded, 0);
    forEachDword(index, [&](uint8_t *words, const BitPlane &plane, int fields,
                            int64_t offset) {
      uint32_t dword = word(source[0].data() + offset);
      for (int field = 0; field < fields; ++field) {
        uint32_t bits = word(words + 4 * field) |
                        (dword >> plane.width * field & mask(plane))
                            << plane.firstBit;
        std::memcpy(words + 4 * field, &bits, sizeof bits);
      }
    });
    forEachRun([&](int64_t first, int64_t place, int64_t length) {
      std::copy_n(padded.data() + place, length, row.codes.data() + first);
    });
    loadVector(row.scales, index, scales, source);
    if (h.nibbleLevels)
      for (size_t group = 0; group < row.scales.size(); ++group) {
        row.minima[group] = row.scales[group] >> 4;
        row.scales[group] &= 15;
      }
    else
      loadVector(row.minima, index, minima, source);
    loadVector(row.superScales, index, superScales, source);
    loadVector(row.superMinima, index, superMinima, source);
  }

private:
  static uint32_t word(const uint8_t *bytes) {
    uint32_t value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
  /// The field of a plane in each byte of a word.
  static uint32_t mask(const BitPlane &plane) {
    return ((1u << plane.width) - 1) * 0x01010101u;
  }

  /// Calls visit(first column, place in `padded`, columns) for every run.
  template <typename Visit> void forEachRun(Visit visit) const {
    const int64_t run = layout.runColumns();
    for (int64_t first = 0, place = 0; first < layout.columns; first += run) {
      visit(first, place, std::min(run, layout.columns - first));
      place += layout.chunksPerRun() * chunkColumns;
    }
  }

  /// Calls visit(padded codes of its first field, plane, fields, byte offset in
  /// `packed`) for every dword of a row.
  template <typename Visit> void forEachDword(int64_t index, Visit visit) {
    const int64_t block = index / layout.blockRows,
                  lane = index % layout.blockRows;
    for (int64_t chunk = 0; chunk < layout.chunks(); ++chunk)
      for (const BitPlane &plane : planes)
        for (int i = 0; i < plane.width; ++i) {
          int64_t vector =
              (block * layout.chunks() + chunk) * h.bits + plane.firstDword + i;
          visit(padded.data() + chunk * chunkColumns +
                    i * plane.columnsPerDword(),
                plane, 8 / plane.width, (vector * layout.blockRows + lane) * 4);
        }
  }

  /// The element of a component that belongs to number `i` of a row.
  int64_t place(int64_t index, int64_t i, int64_t count) const {
    return (index / layout.blockRows * count + i) * layout.blockRows +
           index % layout.blockRows;
  }
  bool isHalf(int component) const {
    return component > std::max(scales, minima) ||
           (component == scales ? h.scale == Scale::Half
                                : h.minimum == Minimum::Half);
  }
  void loadVector(std::vector<uint16_t> &numbers, int64_t index, int component,
                  ConstBuffers source) {
    if (component < 0)
      return;
    for (size_t i = 0; i < numbers.size(); ++i) {
      int64_t from = place(index, i, numbers.size());
      if (isHalf(component))
        std::memcpy(&numbers[i], &source[component][2 * from], 2);
      else
        numbers[i] = source[component][from];
    }
  }

  const InterleavedLayout &layout;
  const AffineHierarchy &h;
  std::vector<BitPlane> planes;
  std::vector<uint8_t> padded;
  int scales, minima, superScales, superMinima;
};
} // namespace

void qopt::deinterleave(const InterleavedLayout &layout, ConstBuffers source,
                        MutableBuffers target) {
  RowMover mover(layout);
  SchemeRows rows(layout.hierarchy, layout.columns, layout.fields);
  HierarchyRow row(layout.hierarchy, layout.columns);
  for (int64_t index = 0; index < layout.rows; ++index) {
    mover.load(row, index, source);
    rows.write(row, index, target);
  }
}
