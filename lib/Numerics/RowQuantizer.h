//===- RowQuantizer.h - a few rows on their way to a grid -------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_NUMERICS_ROWQUANTIZER_H
#define QOPT_LIB_NUMERICS_ROWQUANTIZER_H

#include "GptqBlocksState.h"

namespace qopt::detail {

/// A few panels of rows on their way, in step.
class RowQuantizer {
public:
  RowQuantizer(const GptqBlocksFactor::State &factor, const PanelFormat &format,
               ConstMatrix weights, int64_t firstRow, int64_t endRow);

  void compensate();
  /// Fills the panels' work with the gradient.
  void beginDescent();
  /// One round. Scales without levels are moved by a share `stride` of the
  /// usual.
  void descend(float stride = 1);
  /// tr(E H Eᵀ) of each panel.
  void proxyLosses(double *losses) const;
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
  void descendSpan(int64_t index);
  void descendSubBlock(int64_t index, int64_t step);
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

/// Takes all rows through `work`, which begins descent, a few panels at a time.
/// Returns tr(E H Eᵀ).
double quantizeRows(const ComputeContext &context,
                    const GptqBlocksFactor::State &factor,
                    const PanelFormat &format, ConstMatrix weights,
                    const std::function<void(RowQuantizer &)> &work);

} // namespace qopt::detail

#endif // QOPT_LIB_NUMERICS_ROWQUANTIZER_H
