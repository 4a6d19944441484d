//===- TriangularTiles.h - tiles of a triangular factor ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// What Cholesky and the inverse of its factor do to one tile, on one thread.
// Which tile may be worked on when is decided elsewhere (Cholesky.cpp).
//
// Tiles lie in memory as products read them, so that nothing is packed or
// transposed on the way. As right factor a tile is in panels of `width` rows,
// [column, row]; a product writes its result in that form, too, because the
// result of a tile of registers is a run of columns of such a panel. As left
// factor it is in panels of `tileRows` rows, a copy of runs of the former.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_NUMERICS_TRIANGULARTILES_H
#define QOPT_LIB_NUMERICS_TRIANGULARTILES_H

#include "KernelTable.h"
#include "Scratch.h"

#include <algorithm>

namespace qopt {

class TriangularTiles {
public:
  /// The lower triangle of a [columns, columns] matrix, uninitialised.
  TriangularTiles(const GemmKernels<double> &kernels, int64_t columns);

  int64_t columns() const { return count; }
  /// Rows and columns of a tile, the last one excepted.
  int64_t edge() const { return tileEdge; }
  int64_t tiles() const { return (count + tileEdge - 1) / tileEdge; }
  int64_t size(int64_t i) const {
    return std::min(tileEdge, count - i * tileEdge);
  }
  /// Tiles of the triangle are numbered column by column, from the diagonal
  /// down.
  int64_t number(int64_t i, int64_t j) const {
    return j * tiles() - j * (j - 1) / 2 + i - j;
  }

  /// Rows of a panel of right(), and where its row `row`, column 0 is.
  int64_t width() const { return kernels.tileColumns; }
  int64_t rowPlace(int64_t row) const {
    return row / width() * width() * tileEdge + row % width();
  }
  /// Tile (i, j) as right factor: (row, column) is at rowPlace(row) +
  /// column * width().
  double *right(int64_t i, int64_t j) const {
    return rightTiles.data() + number(i, j) * tileSize();
  }

  /// Zeroes what pads the last row of tiles to whole panels.
  void clearPadding();

  /// T_ij −= L_ik L_jkᵀ.
  void subtract(int64_t i, int64_t j, int64_t k);
  /// T_jj = L_jj, and its inverse where L_jj would be as left factor. False if
  /// T_jj is not positive definite.
  bool factorDiagonal(int64_t j);
  /// T_ij = L_ij = T_ij L_jj⁻ᵀ, i > j.
  void solve(int64_t i, int64_t j);

  /// Column j of tiles of X = L⁻¹ in place of that of L: right(i, j) holds X_ij
  /// in panels of `width` columns, [row, column]. Of the other columns of L it
  /// needs them as left factors only.
  void invertColumn(int64_t j);

private:
  int64_t tileSize() const { return tileEdge * tileEdge; }
  double *left(int64_t i, int64_t j) const {
    return leftTiles.data() + number(i, j) * tileSize();
  }
  int64_t panels(int64_t i) const { return (size(i) + width() - 1) / width(); }
  void copyToLeft(const double *source, int64_t firstRow, int64_t rows,
                  int64_t firstColumn, int64_t columns, double *target) const;
  bool factorColumns(double *tile, int64_t rows, int64_t first,
                     int64_t end) const;
  void invert(const double *lower, int64_t rows, double *inverse) const;
  void applyInverse(int64_t j, double *tile, int64_t panels) const;

  const GemmKernels<double> &kernels;
  int64_t count, tileEdge;
  Scratch<double> rightTiles, leftTiles;
};

} // namespace qopt

#endif // QOPT_LIB_NUMERICS_TRIANGULARTILES_H
