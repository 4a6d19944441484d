//===- WeightView.h - a matrix seen through transformations --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Any chain of slices, transposes, permutations and scalings of a matrix B has
// one normal form, so a chain costs as much as a single step:
//
//     V[r, c] = B[rows[r], columns[c]] · rowFactor[r] · columnFactor[c]
//
// or with B transposed. Factors of a chain are multiplied up in f64; each
// element is multiplied in f64 and rounded to f32 once. Clipping comes last.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_WEIGHTVIEW_H
#define QOPT_NUMERICS_WEIGHTVIEW_H

#include "qopt/Numerics/MatrixView.h"
#include "qopt/Support/Error.h"

#include <functional>
#include <span>
#include <vector>

namespace qopt {

/// Clips a group of weights to max|w| · (1 − step / clipSteps).
constexpr int clipSteps = 20;
void clipGroup(uint8_t step, std::span<float> weights);

class WeightView {
public:
  enum class Axis : uint8_t { Rows, Columns };

  /// The matrix itself.
  WeightView(int64_t rows, int64_t columns);

  int64_t rows() const { return index(Axis::Rows).size(); }
  int64_t columns() const { return index(Axis::Columns).size(); }

  /// The row of B (if transposed: the column) that each row comes from.
  std::span<const int64_t> baseRows() const { return index(Axis::Rows); }
  /// Whether reading one row reads all of B.
  bool isTransposed() const { return transposed; }

  // Each applies one more step to what the view shows. Arguments must fit.
  void transpose();
  void slice(Axis axis, int64_t offset, int64_t size);
  void permute(Axis axis, std::span<const int64_t> order);
  void scale(Axis axis, std::span<const float> factors);

  /// Clips each group of `length` columns of each row by its own step; [rows,
  /// groups] steps below clipSteps. Ends the chain.
  void clip(int64_t length, std::span<const uint8_t> steps);

  /// Reads f32 row `row` of B into `target` (as long as B has columns).
  using RowReader = std::function<Status(int64_t row, float *target)>;

  /// Writes rows [first, first + target.rows) of the view. B is read row by
  /// row: only the needed ones, or once through if it is transposed.
  Status readRows(int64_t first, MutableMatrix target,
                  const RowReader &base) const;

private:
  void clipRows(int64_t first, MutableMatrix target) const;
  std::vector<int64_t> &index(Axis axis) { return indices[int(axis)]; }
  const std::vector<int64_t> &index(Axis axis) const {
    return indices[int(axis)];
  }
  int64_t baseColumns;
  bool transposed = false;
  std::vector<int64_t> indices[2];
  std::vector<double> factors[2];
  int64_t clipLength = 0;
  std::vector<uint8_t> clips; // empty: not clipped
};

} // namespace qopt

#endif // QOPT_NUMERICS_WEIGHTVIEW_H
