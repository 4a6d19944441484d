//===- RowQuantizer.h - a few rows on their way to a grid -------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_NUMERICS_ROWQUANTIZER_H
#define QOPT_LIB_NUMERICS_ROWQUANTIZER_H

#include "GptqBlocksState.h"

namespace qopt::detail {

/// Panels of a task share each packed piece of U and H that they read.
inline constexpr int64_t panelsPerTask = 3;

/// A few panels of rows on their way, in step.
class RowQuantizer {
public:
  RowQuantizer(const GptqBlocksFactor::State &factor, const PanelFormat &format,
               ConstMatrix weights, int64_t firstRow);

  void compensate();
  /// Fills the panels' work with the gradient.
  void beginDescent();
  /// Whether anything has changed. Scales without levels are moved by a share
  /// `stride` of the usual.
  bool descend(float stride = 1);
  double proxyLoss() const;
  void pack(uint8_t *matrix) const {
    for (const GridPanel &panel : panels)
      panel.pack(matrix);
  }

  void readGroups(const GroupedMatrix &matrix) {
    for (GridPanel &panel : panels)
      panel.readGroups(matrix);
  }
  void writeGroups(GroupedMatrix &matrix) const {
    for (const GridPanel &panel : panels)
      panel.writeGroups(matrix);
  }

private:
  using Panels = std::vector<std::vector<float>>; // [panel][steps, lanes]
  bool descendSpan(int64_t index);
  bool descendSubBlock(int64_t index, int64_t step);
  void refit(int64_t index);
  /// Subtracts the product of rows [first, first + count) of a span of a matrix
  /// with `inputs`, from their step `offset` on, from the work at span `to`.
  void subtractProduct(const PackedMatrix &matrix, int64_t from, int64_t first,
                       int64_t count, const Panels &inputs, int64_t offset,
                       int64_t to);
  /// ŵ of steps [begin, end).
  Panels numbers(int64_t begin, int64_t end) const;
  /// ŵ of steps [begin, end) minus what it was before.
  Panels change(int64_t begin, int64_t end, const Panels &before) const;

  const ColumnSpan &span(int64_t index) const {
    return factor.visit.spans[index];
  }
  int64_t spanCount() const { return int64_t(factor.visit.spans.size()); }
  float *workOf(GridPanel &panel, int64_t step) const {
    return panel.work.data() + step * lanes;
  }
  Panels zeros(int64_t steps) const {
    return Panels(panels.size(), std::vector<float>(steps * lanes));
  }

  const GptqBlocksFactor::State &factor;
  const PanelFormat &format;
  const KernelTable &kernels;
  const int64_t lanes, sub;
  std::vector<GridPanel> panels;
  std::vector<float> loss;
};

} // namespace qopt::detail

#endif // QOPT_LIB_NUMERICS_ROWQUANTIZER_H
