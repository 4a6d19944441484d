//===- TriangularTiles.cpp - tiles of a triangular factor -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "TriangularTiles.h"

#include <cmath>

using namespace qopt;

/// Whole panels of every instruction set. Three tiles of 192 are 864 KiB, which
/// stay in a second-level cache; a panel of one is 24 KiB, which the first has.
static constexpr int64_t edgeUnit = 48, largestEdge = 192;
/// Rows that are neighbours in the panels of either factor.
static constexpr int64_t run = 4;

static int64_t roundUp(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

TriangularTiles::TriangularTiles(const GemmKernels<double> &kernels,
                                 int64_t columns)
    : kernels(kernels), count(columns),
      tileEdge(std::min(largestEdge, roundUp(columns, edgeUnit))),
      rightTiles(tiles() * (tiles() + 1) / 2 * tileSize()),
      leftTiles(tiles() * (tiles() + 1) / 2 * tileSize()) {}

void TriangularTiles::clearPadding() {
  const int64_t last = tiles() - 1;
  for (int64_t j = 0; size(last) < tileEdge && j <= last; ++j) {
    std::fill_n(right(last, j), tileSize(), 0.);
    std::fill_n(left(last, j), tileSize(), 0.);
  }
}

/// Rows and columns of a tile in the panels of a left factor.
void TriangularTiles::copyToLeft(const double *source, int64_t firstRow,
                                 int64_t rows, int64_t firstColumn,
                                 int64_t columns, double *target) const {
  const int64_t tileRows = kernels.tileRows;
  for (int64_t row = firstRow; row < rows; row += run) {
    const double *from = source + rowPlace(row);
    double *to = target + row / tileRows * tileRows * tileEdge + row % tileRows;
    for (int64_t column = firstColumn; column < firstColumn + columns; ++column)
      std::copy_n(from + column * width(), run, to + column * tileRows);
  }
}

void TriangularTiles::subtract(int64_t i, int64_t j, int64_t k) {
  const int64_t tileRows = kernels.tileRows;
  for (int64_t panel = 0; panel < panels(i); ++panel) {
    const double *b = right(i, k) + panel * width() * tileEdge;
    double *c = right(i, j) + panel * width() * tileEdge;
    // On the diagonal, what is above it is left alone.
    const int64_t end =
        i == j ? std::min(size(j), (panel + 1) * width()) : size(j);
    for (int64_t column = 0; column < end; column += tileRows)
      kernels.tile(tileEdge, left(j, k) + column * tileEdge, b,
                   c + column * width(), width(),
                   int(std::min(tileRows, size(j) - column)), int(width()),
                   TileMode::Subtract);
  }
}

/// Columns [first, end) of the diagonal tile, from which those before have been
/// subtracted, and of all `rows`, one after the other.
bool TriangularTiles::factorColumns(double *tile, int64_t rows, int64_t first,
                                    int64_t end) const {
  const int64_t width = this->width(), panelSize = width * tileEdge;
  for (int64_t k = first; k < end; ++k) {
    double &diagonal = tile[rowPlace(k) + k * width];
    if (!(diagonal > 0) || !std::isfinite(diagonal))
      return false;
    const double pivot = std::sqrt(diagonal);
    for (int64_t row = k / width * width; row < rows; row += width) {
      double *column = tile + row * tileEdge + k * width;
      for (int64_t lane = 0; lane < width; ++lane)
        column[lane] /= pivot;
    }
    diagonal = pivot;
    for (int64_t later = k + 1; later < end; ++later) {
      const double factor = tile[rowPlace(later) + k * width];
      for (double *panel = tile + later / width * panelSize;
           panel < tile + roundUp(rows, width) * tileEdge; panel += panelSize)
        for (int64_t lane = 0; lane < width; ++lane)
          panel[later * width + lane] -= factor * panel[k * width + lane];
    }
  }
  return true;
}

bool TriangularTiles::factorDiagonal(int64_t j) {
  const int64_t tileRows = kernels.tileRows, rows = size(j);
  double *tile = right(j, j);
  Scratch<double> lower(tileSize()); // L_jj as left factor
  // As many columns at a time as a tile of registers has.
  for (int64_t first = 0; first < rows; first += tileRows) {
    const int64_t end = std::min(rows, first + tileRows);
    for (int64_t row = first / width() * width(); first > 0 && row < rows;
         row += width())
      kernels.tile(first, lower.data() + first * tileEdge,
                   tile + row * tileEdge,
                   tile + row * tileEdge + first * width(), width(),
                   int(end - first), int(width()), TileMode::Subtract);
    if (!factorColumns(tile, rows, first, end))
      return false;
    copyToLeft(tile, first, roundUp(rows, run), first, end - first,
               lower.data());
  }
  Scratch<double> inverse(tileSize());
  std::fill_n(inverse.data(), tileSize(), 0.);
  invert(lower.data(), rows, inverse.data());
  for (int64_t row = 0; row < rows; row += tileRows)
    for (int64_t column = 0; column < rows; column += width())
      kernels.pack(inverse.data() + column * tileEdge + row * width(), width(),
                   1, std::min(tileRows, rows - row), width(), int(tileRows),
                   left(j, j) + row * tileEdge + column * tileRows);
  return true;
}

/// The inverse of L by forward substitution on the rows of the identity, in
/// panels of `width` columns: X_i = (e_i − Σ_{k<i} l_ik X_k) / l_ii.
void TriangularTiles::invert(const double *lower, int64_t rows,
                             double *inverse) const {
  const int64_t tileRows = kernels.tileRows, width = this->width();
  for (int64_t first = 0; first < rows; first += tileRows) {
    const int64_t end = std::min(rows, first + tileRows);
    const double *l = lower + first * tileEdge; // [column, row − first]
    for (int64_t column = 0; column < end; column += width) {
      double *panel = inverse + column * tileEdge; // zero above its diagonal
      if (first > column)
        kernels.tile(first - column, l + column * tileRows,
                     panel + column * width, panel + first * width, width,
                     int(end - first), int(width), TileMode::Subtract);
      for (int64_t i = first; i < end; ++i) {
        double *x = panel + i * width;
        if (i >= column && i < column + width)
          x[i - column] += 1;
        for (int64_t k = first; k < i; ++k)
          for (int64_t lane = 0; lane < width; ++lane)
            x[lane] -= l[k * tileRows + i - first] * panel[k * width + lane];
        for (int64_t lane = 0; lane < width; ++lane)
          x[lane] /= l[i * tileRows + i - first];
      }
    }
  }
}

/// tile = L_jj⁻¹ · tile, from the last rows up: what is above them is still
/// there.
void TriangularTiles::applyInverse(int64_t j, double *tile,
                                   int64_t panels) const {
  const int64_t tileRows = kernels.tileRows, rows = size(j);
  for (double *panel = tile; panel < tile + panels * width() * tileEdge;
       panel += width() * tileEdge)
    for (int64_t row = roundUp(rows, tileRows) - tileRows; row >= 0;
         row -= tileRows)
      kernels.tile(std::min(rows, row + tileRows), left(j, j) + row * tileEdge,
                   panel, panel + row * width(), width(),
                   int(std::min(tileRows, rows - row)), int(width()),
                   TileMode::Store);
}

void TriangularTiles::solve(int64_t i, int64_t j) {
  applyInverse(j, right(i, j), panels(i));
  copyToLeft(right(i, j), 0, roundUp(size(i), run), 0, size(j), left(i, j));
}

void TriangularTiles::invertColumn(int64_t j) {
  const int64_t tileRows = kernels.tileRows, width = this->width();
  for (int64_t row = 0; row < size(j); row += tileRows)
    for (int64_t column = 0; column < size(j); column += width)
      kernels.pack(left(j, j) + row * tileEdge + column * tileRows, tileRows, 1,
                   width, std::min(tileRows, size(j) - row), int(width),
                   right(j, j) + column * tileEdge + row * width);
  for (int64_t i = j + 1; i < tiles(); ++i) {
    double *x = right(i, j);
    std::fill_n(x, tileSize(), 0.);
    for (int64_t k = j; k < i; ++k)
      for (int64_t column = 0; column < size(j); column += width) {
        // X_jj is zero above its diagonal.
        const int64_t begin = k == j ? column : 0;
        const double *b = right(k, j) + column * tileEdge + begin * width;
        for (int64_t row = 0; row < size(i); row += tileRows)
          kernels.tile(tileEdge - begin,
                       left(i, k) + row * tileEdge + begin * tileRows, b,
                       x + column * tileEdge + row * width, width,
                       int(std::min(tileRows, size(i) - row)), int(width),
                       TileMode::Subtract);
      }
    applyInverse(i, x, panels(j));
  }
}
