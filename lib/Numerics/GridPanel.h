//===- GridPanel.h - rows of weights on the grid of a format ----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The state of a few rows that are quantized side by side, one per lane of a
// vector: which point of the grid each weight has, and the scales of blocks and
// levels of sub-blocks that the grid follows from. Columns stand in the order
// of their visit, blocks and sub-blocks in stored order.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_NUMERICS_GRIDPANEL_H
#define QOPT_LIB_NUMERICS_GRIDPANEL_H

#include "KernelTable.h"
#include "qopt/Formats/BlockGrid.h"
#include "qopt/Formats/Grouped.h"
#include "qopt/Numerics/MatrixView.h"

#include <span>
#include <vector>

namespace qopt::detail {

/// Consecutive steps of a visit that are also consecutive stored columns, in
/// another order: whole super-blocks.
struct ColumnSpan {
  int64_t begin, end;  // steps
  int64_t firstColumn; // the smallest of their columns
  int64_t size() const { return end - begin; }
};

/// The order in which columns are visited. Each run of subElements steps is a
/// sub-block.
struct ColumnVisit {
  std::vector<int64_t> columns; // [K]: the column of each step
  std::vector<ColumnSpan> spans;
};

/// Everything about a format that panels need.
struct PanelFormat {
  const FormatRow *row; // null: grouped
  const BlockGrid &grid;
  const KernelTable &kernels;
  const ColumnVisit &visit;
  std::span<const float> importance; // [K], of stored columns
  std::vector<float> points;         // empty if they are consecutive integers
  bool zeroPoints = false; // dmin is d: minimum levels are zero points

  int64_t lanes() const { return kernels.f32.tileColumns; }
  int64_t subBlockAt(int64_t step) const {
    return visit.columns[step] / grid.subElements;
  }
};

/// A trial of a sub-block's grids, see GridPanel::search.
struct SubBlockSearch {
  const float *weights; // [subElements, lanes]: what to represent
  const float *upper;   // U of the sub-block, see GridTrial
  int64_t stride;
  float *loss;   // [lanes]: to beat; afterwards the best Σ err²
  float *errors; // [subElements, lanes]; of lanes in which something was found
};

class GridPanel {
public:
  /// Rows from `firstRow` on, as many as there are lanes or rows.
  GridPanel(const PanelFormat &format, ConstMatrix weights, int64_t firstRow);

  const int64_t lanes;
  std::vector<float> original; // [K, lanes]: the weights; no row: zeros
  std::vector<float> work;     // [K, lanes]: weights with the errors of others,
                               // later the gradient H (w − ŵ)

  /// Finds scales and levels of a span's blocks as the format does it, on the
  /// weights in `work`, weighted by the importance of the columns.
  void findGrids(const ColumnSpan &span);

  /// Quantizes the sub-block at `step` to its grid and to grids nearby, and
  /// takes, in each lane, what is better than search.loss. Whether there was
  /// any.
  bool search(int64_t step, const SubBlockSearch &search);

  /// ŵ of steps [begin, end), [end - begin, lanes].
  void numbers(int64_t begin, int64_t end, float *target) const;

  /// ∂ŵ/∂d and −∂ŵ/∂dmin of the block whose steps are `span`.
  void directions(const ColumnSpan &span, float *byScale,
                  float *byMinimum) const;
  /// Least squares for d and dmin of that block, codes and levels fixed, where
  /// they make the error smaller. `images` are H times the directions; the
  /// gradient in `work` follows.
  void refit(const ColumnSpan &span, const float *byScale,
             const float *byMinimum, const float *scaleImage,
             const float *minimumImage);

  /// Writes the blocks of the rows to their places in a matrix of blocks.
  void pack(uint8_t *matrix) const;

  /// Takes codes, scales and zero points of the rows from a grouped matrix, and
  /// puts them back. The format's blocks are the groups.
  void readGroups(const GroupedMatrix &matrix);
  void writeGroups(GroupedMatrix &matrix) const;

  /// How far a scale without levels is moved, as a share of the usual.
  float stride = 1;

private:
  struct Scales {
    float d = 0, dmin = 0; // f16 numbers
    float level = 0, minimumLevel = 0;
    float scale() const { return d * level; }
    float minimum() const { return dmin * minimumLevel; }
  };
  struct Move {
    int scale, minimum;
  };
  static std::span<const Move> moves(const BlockGrid &grid);
  Scales moved(Scales from, Move move) const;
  /// [sub-blocks, lanes]; those of a block have the same d and dmin.
  Scales &scalesAt(int64_t subBlock, int64_t lane) {
    return scales[subBlock * lanes + lane];
  }
  const Scales &scalesAt(int64_t subBlock, int64_t lane) const {
    return scales[subBlock * lanes + lane];
  }

  const PanelFormat &format;
  int64_t firstRow, rows;
  std::vector<float> points; // [K, lanes]
  std::vector<Scales> scales;
  std::vector<float> trialScale, trialMinimum, trialName, trialScratch;
};

} // namespace qopt::detail

#endif // QOPT_LIB_NUMERICS_GRIDPANEL_H
