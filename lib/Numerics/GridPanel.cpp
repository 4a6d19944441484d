//===- GridPanel.cpp - rows of weights on the grid of a format ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GridPanel.h"
#include "qopt/Formats/Half.h"

#include <algorithm>
#include <cmath>

using namespace qopt;
using namespace qopt::detail;

static float withinF16(float value) {
  return std::isnan(value) ? 0 : std::clamp(value, -65504.f, 65504.f);
}
static float roundToF16(float value) {
  return f16ToF32(f32ToF16(withinF16(value)));
}

GridPanel::GridPanel(const PanelFormat &format, ConstMatrix weights,
                     int64_t firstRow)
    : lanes(format.lanes()), format(format), firstRow(firstRow),
      rows(std::min(lanes, weights.rows - firstRow)) {
  const int64_t columns = weights.columns, sub = format.grid.subElements;
  original.assign(columns * lanes, 0);
  for (int64_t step = 0; step < columns; ++step)
    for (int64_t lane = 0; lane < rows; ++lane)
      original[step * lanes + lane] =
          weights(firstRow + lane, format.visit.columns[step]);
  work = original;
  points.assign(columns * lanes, 0);
  scales.resize(columns / sub * lanes);
  trialScale.resize(lanes);
  trialMinimum.resize(lanes);
  trialName.resize(lanes);
  trialScratch.resize(3 * sub * lanes);
}

void GridPanel::findGrids(const ColumnSpan &span) {
  const BlockGrid &grid = format.grid;
  const int64_t size = span.size(), rowBytes = format.row->rowBytes(size);
  std::vector<float> weights(rows * size);
  for (int64_t step = span.begin; step < span.end; ++step)
    for (int64_t lane = 0; lane < rows; ++lane)
      weights[lane * size + format.visit.columns[step] - span.firstColumn] =
          work[step * lanes + lane];
  std::vector<uint8_t> blocks(rows * rowBytes);
  format.row->encodeRows(weights.data(),
                         format.importance.data() + span.firstColumn,
                         blocks.data(), rows, size);
  for (int64_t lane = 0; lane < rows; ++lane)
    for (int64_t block = 0; block < size / grid.elements; ++block) {
      BlockParts parts;
      grid.unpack(blocks.data() + lane * rowBytes +
                      block * format.row->blockBytes,
                  parts);
      const int64_t first =
          (span.firstColumn + block * grid.elements) / grid.subElements;
      for (int j = 0; j < grid.elements / grid.subElements; ++j)
        scalesAt(first + j, lane) = {
            withinF16(f16ToF32(parts.d)), withinF16(f16ToF32(parts.dmin)),
            float(parts.levels[j]), float(parts.minimumLevels[j])};
    }
}

/// What is tried around a grid. The grid itself comes first.
std::span<const GridPanel::Move> GridPanel::moves(const BlockGrid &grid) {
  static constexpr Move affine[] = {
      {0, 0}, {1, 0},   {-1, 0}, {0, 1},   {0, -1}, {1, 1},  {-1, -1},
      {2, 1}, {-2, -1}, {1, 2},  {-1, -2}, {2, 2},  {-2, -2}};
  static constexpr Move symmetric[] = {{0, 0},  {1, 0}, {-1, 0}, {2, 0},
                                       {-2, 0}, {3, 0}, {-3, 0}};
  if (grid.hasMinimum())
    return affine;
  return symmetric;
}

/// A level moves by whole numbers. A scale that has no level moves by half a
/// code at the end of its range, and a minimum by a quarter of a code.
GridPanel::Scales GridPanel::moved(Scales from, Move move) const {
  const BlockGrid &grid = format.grid;
  auto within = [](LevelRange range, float level) {
    return std::clamp(level, float(range.low), float(range.high));
  };
  if (format.zeroPoints) {
    const float share = stride * move.scale / float(2 * grid.points);
    if (const float d = roundToF16(from.d * (1 + share)); d > 0)
      from.d = from.dmin = d;
    from.minimumLevel =
        within(grid.minimumLevels, from.minimumLevel + move.minimum);
    return from;
  }
  if (grid.levels.fixed()) {
    if (move.minimum != 0)
      from.dmin = roundToF16(from.dmin + 0.25f * move.minimum * from.d);
    if (move.scale != 0)
      from.d = roundToF16(from.d * (1 + move.scale / float(2 * grid.points)));
    return from;
  }
  from.level = within(grid.levels, from.level + move.scale);
  from.minimumLevel =
      within(grid.minimumLevels, from.minimumLevel + move.minimum);
  return from;
}

bool GridPanel::search(int64_t step, const SubBlockSearch &search) {
  const BlockGrid &grid = format.grid;
  const int64_t subBlock = format.subBlockAt(step);
  std::span<const Move> candidates = moves(grid);
  std::fill(trialName.begin(), trialName.end(), -1.f);
  for (size_t candidate = 0; candidate < candidates.size(); ++candidate) {
    for (int64_t lane = 0; lane < lanes; ++lane) {
      Scales proposal = moved(scalesAt(subBlock, lane), candidates[candidate]);
      trialScale[lane] = proposal.scale();
      trialMinimum[lane] = proposal.minimum();
    }
    format.kernels.gridTrial(
        {.columns = grid.subElements,
         .weights = search.weights,
         .upper = search.upper,
         .stride = search.stride,
         .scale = trialScale.data(),
         .minimum = trialMinimum.data(),
         .firstPoint = grid.point(0),
         .lastPoint = grid.point(grid.points - 1),
         .points = format.points.empty() ? nullptr : format.points.data(),
         .pointCount = grid.points,
         .scratch = trialScratch.data(),
         .name = float(candidate),
         .bestLoss = search.loss,
         .bestName = trialName.data(),
         .bestPoints = points.data() + step * lanes,
         .bestErrors = search.errors});
  }
  bool any = false;
  for (int64_t lane = 0; lane < lanes; ++lane)
    if (trialName[lane] >= 0) {
      Scales &scales = scalesAt(subBlock, lane);
      scales = moved(scales, candidates[size_t(trialName[lane])]);
      any = true;
    }
  return any;
}

void GridPanel::numbers(int64_t begin, int64_t end, float *target) const {
  for (int64_t step = begin; step < end; ++step) {
    const int64_t subBlock = format.subBlockAt(step);
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const Scales &scales = scalesAt(subBlock, lane);
      target[(step - begin) * lanes + lane] =
          scales.scale() * points[step * lanes + lane] - scales.minimum();
    }
  }
}

void GridPanel::directions(const ColumnSpan &span, float *byScale,
                           float *byMinimum) const {
  for (int64_t step = span.begin; step < span.end; ++step) {
    const int64_t subBlock = format.subBlockAt(step);
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const Scales &scales = scalesAt(subBlock, lane);
      const int64_t at = (step - span.begin) * lanes + lane;
      byScale[at] = scales.level * points[step * lanes + lane];
      byMinimum[at] = scales.minimumLevel;
    }
  }
}

void GridPanel::refit(const ColumnSpan &span, const float *byScale,
                      const float *byMinimum, const float *scaleImage,
                      const float *minimumImage) {
  const int64_t sub = format.grid.subElements;
  for (int64_t lane = 0; lane < rows; ++lane) {
    // ŵ moves by a u − b v: error + a² uHu − 2ab uHv + b² vHv − 2a ug + 2b vg.
    double uHu = 0, uHv = 0, vHv = 0, ug = 0, vg = 0;
    for (int64_t i = 0; i < span.size(); ++i) {
      const int64_t at = i * lanes + lane;
      const double g = work[span.begin * lanes + at];
      uHu += double(byScale[at]) * scaleImage[at];
      uHv += double(byScale[at]) * minimumImage[at];
      vHv += double(byMinimum[at]) * minimumImage[at];
      ug += byScale[at] * g;
      vg += byMinimum[at] * g;
    }
    if (!(uHu > 0))
      continue;
    const int64_t first = span.firstColumn / sub;
    const Scales old = scalesAt(first, lane);
    const double determinant = uHu * vHv - uHv * uHv;
    double a = ug / uHu, b = 0;
    if (determinant > 1e-6 * uHu * vHv) {
      a = (vHv * ug - uHv * vg) / determinant;
      b = (uHv * ug - uHu * vg) / determinant;
    }
    const float d = roundToF16(old.d + float(a));
    const float dmin = roundToF16(old.dmin + float(b));
    a = double(d) - old.d; // what rounding left
    b = double(dmin) - old.dmin;
    const double change =
        a * a * uHu - 2 * a * b * uHv + b * b * vHv - 2 * a * ug + 2 * b * vg;
    if (!(change < 0) || d == 0)
      continue;
    for (int64_t j = 0; j < span.size() / sub; ++j) {
      scalesAt(first + j, lane).d = d;
      scalesAt(first + j, lane).dmin = dmin;
    }
    for (int64_t i = 0; i < span.size(); ++i) {
      const int64_t at = i * lanes + lane;
      work[span.begin * lanes + at] -=
          float(a) * scaleImage[at] - float(b) * minimumImage[at];
    }
  }
}

void GridPanel::pack(uint8_t *matrix) const {
  const BlockGrid &grid = format.grid;
  const int64_t columns = format.visit.columns.size();
  std::vector<float> pointOf(columns);
  for (int64_t lane = 0; lane < rows; ++lane) {
    for (int64_t step = 0; step < columns; ++step)
      pointOf[format.visit.columns[step]] = points[step * lanes + lane];
    uint8_t *target =
        matrix + (firstRow + lane) * format.row->rowBytes(columns);
    for (int64_t begin = 0; begin < columns; begin += grid.elements) {
      BlockParts parts;
      const int64_t first = begin / grid.subElements;
      parts.d = f32ToF16(scalesAt(first, lane).d);
      parts.dmin = f32ToF16(scalesAt(first, lane).dmin);
      for (int j = 0; j < grid.elements / grid.subElements; ++j) {
        const Scales &scales = scalesAt(first + j, lane);
        parts.levels[j] = int8_t(scales.level);
        parts.minimumLevels[j] = uint8_t(scales.minimumLevel);
      }
      for (int i = 0; i < grid.elements; ++i)
        parts.codes[i] =
            format.points.empty()
                ? uint8_t(int(pointOf[begin + i]) - grid.firstPoint)
                : uint8_t(std::lower_bound(format.points.begin(),
                                           format.points.end(),
                                           pointOf[begin + i]) -
                          format.points.begin());
      grid.pack(parts, target);
      target += format.row->blockBytes;
    }
  }
}
