//===- GridPanelGroups.cpp - panels and grouped matrices ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GridPanel.h"
#include "qopt/Formats/Half.h"

using namespace qopt;
using namespace qopt::detail;

void GridPanel::readGroups(const GroupedMatrix &matrix) {
  const int64_t columns = matrix.columns, groups = matrix.groups();
  const int first = format.grid.firstPoint;
  for (int64_t lane = 0; lane < rows; ++lane) {
    const int64_t row = firstRow + lane;
    for (int64_t group = 0; group < groups; ++group) {
      const float scale = f16ToF32(matrix.scales[row * groups + group]);
      const float zero = format.grid.hasMinimum() ? matrix.zero(row, group) : 0;
      scalesAt(group, lane) = {scale, scale, 1, zero};
    }
    const uint8_t *codes = matrix.codes.data() + row * columns;
    for (int64_t step = 0; step < columns; ++step)
      points[step * lanes + lane] =
          float(first + codes[format.visit.columns[step]]);
  }
}

void GridPanel::writeGroups(GroupedMatrix &matrix) const {
  const int64_t columns = matrix.columns, groups = matrix.groups();
  const int first = format.grid.firstPoint;
  for (int64_t lane = 0; lane < rows; ++lane) {
    const int64_t row = firstRow + lane;
    for (int64_t group = 0; group < groups; ++group) {
      const Scales &scales = scalesAt(group, lane);
      matrix.scales[row * groups + group] = f32ToF16(scales.d);
      if (!matrix.zeros.empty())
        matrix.zeros[row * groups + group] = uint8_t(scales.minimumLevel);
    }
    uint8_t *codes = matrix.codes.data() + row * columns;
    for (int64_t step = 0; step < columns; ++step)
      codes[format.visit.columns[step]] =
          uint8_t(int(points[step * lanes + lane]) - first);
  }
}
