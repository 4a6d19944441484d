//===- InterleavePlan.cpp - what interleaving rows comes to ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "InterleavePlan.h"

#include <cassert>

using namespace qopt;

/// The words of four numbers that fields are.
static std::vector<WordRun> wordRuns(std::span<const BitField> fields) {
  std::vector<WordRun> runs;
  for (const BitField &field : fields) {
    if (field.run == 1) {
      assert(field.sharing * field.width == 8 && field.shift == 0);
      runs.push_back({field.first / 4, field.count / 4, 8 * field.byte,
                      4 * field.width, field.width, field.position, true});
      continue;
    }
    assert(field.first % 4 == 0 && field.run % 4 == 0);
    const int end = field.first + field.count;
    int byte = field.byte;
    for (int number = field.first; number < end; byte += field.run)
      for (int j = 0; j < field.sharing; ++j, number += field.run)
        runs.push_back({number / 4, field.run / 4,
                        8 * byte + field.shift + j * field.width, 32,
                        field.width, field.position, false});
  }
  return runs;
}

static WordRuns view(const std::vector<WordRun> &runs, int64_t numbers) {
  return {runs.data(), int(runs.size()), int(numbers / 4)};
}

void qopt::interleave(const InterleavedLayout &layout, ConstBuffers source,
                      MutableBuffers target, Isa isa) {
  if (layout.rows == 0)
    return;
  const AffineHierarchy &h = layout.hierarchy;
  const std::vector<BitPlane> planes = bitPlanes(h.bits);
  InterleavePlan plan = {};
  plan.rows = layout.rows;
  plan.columns = layout.columns;
  plan.blockRows = layout.blockRows;
  plan.bits = h.bits;
  plan.runColumns = layout.runColumns();
  plan.chunksPerRun = layout.chunksPerRun();
  plan.chunks = layout.chunks();
  plan.groups = layout.groups();
  plan.superBlocks = h.superBlocks(layout.columns);
  plan.planes = planes.data();
  plan.planeCount = int(planes.size());

  auto component = [&](std::string_view suffix) {
    int index = layout.componentIndex(suffix);
    return index < 0 ? nullptr : target[index].data();
  };
  plan.packed = component("packed");
  plan.scales = component("scales");
  plan.minima = component(
      h.minimum == AffineHierarchy::Minimum::ZeroPoint ? "zeros" : "minima");
  plan.superScales = component("super_scales");
  plan.superMinima = component("super_minima");

  auto rowsOf = [&](std::span<const uint8_t> bytes) {
    return RowBytes{bytes.data(), int64_t(bytes.size()),
                    int64_t(bytes.size()) / layout.rows};
  };
  plan.blocks = rowsOf(source[0]);
  std::vector<WordRun> codes, levels, minimumLevels;
  if (const BlockFields *fields = layout.fields) {
    const int64_t groups = fields->elements / h.groupSize;
    plan.fields = fields;
    plan.elements = int(fields->elements);
    plan.bytes = int(fields->bytes);
    codes = wordRuns(fields->codes);
    levels = wordRuns(fields->scales);
    minimumLevels = wordRuns(fields->minima);
    plan.codes = view(codes, fields->elements);
    plan.levels = view(levels, groups);
    plan.minimumLevels = view(minimumLevels, groups);
  } else {
    plan.groupScales = rowsOf(source[1]);
    if (source.size() > 2)
      plan.groupZeros = rowsOf(source[2]);
  }

#ifdef QOPT_X86_CODECS
  if (isa == Isa::Avx512)
    return detail::avx512::interleaveRows(plan);
  if (isa == Isa::Avx2)
    return detail::avx2::interleaveRows(plan);
#endif
  detail::baseline::interleaveRows(plan);
}
