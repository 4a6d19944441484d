//===- WeightView.cpp - a matrix seen through transformations ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/WeightView.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace qopt;

WeightView::WeightView(int64_t rows, int64_t columns) : baseColumns(columns) {
  for (auto [axis, extent] : {std::pair(0, rows), std::pair(1, columns)}) {
    indices[axis].resize(extent);
    std::iota(indices[axis].begin(), indices[axis].end(), 0);
    factors[axis].assign(extent, 1.0);
  }
}

void WeightView::transpose() {
  std::swap(indices[0], indices[1]);
  std::swap(factors[0], factors[1]);
  transposed = !transposed;
}

void WeightView::slice(Axis axis, int64_t offset, int64_t size) {
  auto cut = [&](auto &entries) {
    entries.erase(entries.begin() + offset + size, entries.end());
    entries.erase(entries.begin(), entries.begin() + offset);
  };
  cut(indices[int(axis)]);
  cut(factors[int(axis)]);
}

void WeightView::permute(Axis axis, std::span<const int64_t> order) {
  auto gather = [&](auto &entries) {
    auto old = entries;
    for (size_t i = 0; i < order.size(); ++i)
      entries[i] = old[order[i]];
  };
  gather(indices[int(axis)]);
  gather(factors[int(axis)]);
}

void WeightView::scale(Axis axis, std::span<const float> scales) {
  for (size_t i = 0; i < scales.size(); ++i)
    factors[int(axis)][i] *= scales[i];
}

void qopt::clipGroup(uint8_t step, std::span<float> weights) {
  float largest = 0;
  for (float weight : weights)
    largest = std::max(largest, std::fabs(weight));
  const float limit = largest * (1 - float(step) / clipSteps);
  for (float &weight : weights)
    weight = std::clamp(weight, -limit, limit);
}

void WeightView::clip(int64_t length, std::span<const uint8_t> steps) {
  clipLength = length;
  clips.assign(steps.begin(), steps.end());
}

void WeightView::clipRows(int64_t first, MutableMatrix target) const {
  if (clips.empty())
    return;
  const int64_t groups = (columns() + clipLength - 1) / clipLength;
  for (int64_t r = 0; r < target.rows; ++r)
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t begin = g * clipLength;
      const int64_t count = std::min(clipLength, columns() - begin);
      if (uint8_t step = clips[(first + r) * groups + g])
        clipGroup(step, {target.row(r) + begin, size_t(count)});
    }
}

Status WeightView::readRows(int64_t first, MutableMatrix target,
                            const RowReader &base) const {
  const std::vector<int64_t> &rowIndex = index(Axis::Rows);
  const std::vector<int64_t> &columnIndex = index(Axis::Columns);
  auto element = [&](float value, int64_t row, int64_t column) {
    return float(value * factors[0][row] * factors[1][column]);
  };
  std::vector<float> baseRow(baseColumns);
  if (!transposed) {
    for (int64_t r = 0; r < target.rows; ++r) {
      QOPT_CHECK(base(rowIndex[first + r], baseRow.data()));
      for (int64_t c = 0; c < columns(); ++c)
        target(r, c) = element(baseRow[columnIndex[c]], first + r, c);
    }
    clipRows(first, target);
    return {};
  }
  for (int64_t c = 0; c < columns(); ++c) {
    QOPT_CHECK(base(columnIndex[c], baseRow.data()));
    for (int64_t r = 0; r < target.rows; ++r)
      target(r, c) = element(baseRow[rowIndex[first + r]], first + r, c);
  }
  clipRows(first, target);
  return {};
}
