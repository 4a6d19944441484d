//===- Syrk.cpp - sums of outer products ----------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Rows are taken in pieces. A piece is packed both as left and as right factor,
// and each task forms one block of xᵀx over the piece in f32 (sums of
// panelDepth products in registers) before adding it to h in f64. The error of
// an element is thus that of an f32 sum of one piece, however many rows follow.
//
//===----------------------------------------------------------------------===//
#include "GemmDriver.h"
#include "Scratch.h"
#include "qopt/Numerics/Gemm.h"

#include <algorithm>
#include <cassert>

using namespace qopt;

static constexpr int64_t rowsPerPiece = 1024;
/// Panels of a block of h that one task computes: its operands, some 350 kB
/// per panelDepth rows, stay in the second-level cache.
static constexpr int64_t leftPanelsPerBlock = 8, rightPanelsPerBlock = 8;

namespace {
/// One piece of x, packed for both sides of the product.
struct PackedPiece {
  const GemmKernels<float> &kernels;
  int64_t columns, depth; // channels, rows of the piece
  Scratch<float> left, right;

  PackedPiece(const GemmKernels<float> &kernels, int64_t columns,
              int64_t maxDepth)
      : kernels(kernels), columns(columns), depth(0),
        left(panels(kernels.tileRows) * kernels.tileRows * maxDepth),
        right(panels(kernels.tileColumns) * kernels.tileColumns * maxDepth) {}

  int64_t panels(int64_t width) const { return (columns + width - 1) / width; }
  /// A panel holds all rows of the piece, so any run of rows is contiguous.
  const float *panel(const Scratch<float> &packed, int64_t width, int64_t index,
                     int64_t row) const {
    return packed.data() + (index * depth + row) * width;
  }

  void pack(const ComputeContext &context, ConstMatrix x) {
    depth = x.rows;
    packSide(context, x, kernels.tileRows, left.data());
    packSide(context, x, kernels.tileColumns, right.data());
  }

private:
  /// A task packs neighbouring panels a few rows at a time, so that the rows
  /// of x are read in long runs.
  void packSide(const ComputeContext &context, ConstMatrix x, int64_t width,
                float *target) {
    constexpr int64_t panelsPerTask = 32, rowsAtOnce = 16;
    const int64_t tasks = (panels(width) + panelsPerTask - 1) / panelsPerTask;
    context.pool.parallelFor(tasks, [&](int64_t task) {
      const int64_t end = std::min(columns, (task + 1) * panelsPerTask * width);
      for (int64_t row = 0; row < depth; row += rowsAtOnce)
        for (int64_t column = task * panelsPerTask * width; column < end;
             column += width)
          kernels.pack(x.row(row) + column, 1, x.stride,
                       std::min(width, columns - column),
                       std::min(rowsAtOnce, depth - row), int(width),
                       target + column * depth + row * width);
    });
  }
};
} // namespace

/// Adds block (i, j) of xᵀx, in units of the block's panels, to h.
static void addBlock(const PackedPiece &piece, int64_t i, int64_t j,
                     MatrixView<double> h) {
  const GemmKernels<float> &kernels = piece.kernels;
  const int64_t tileRows = kernels.tileRows, width = kernels.tileColumns;
  const int64_t firstLeft = i * leftPanelsPerBlock,
                firstRight = j * rightPanelsPerBlock;
  const int64_t lefts =
      std::min(leftPanelsPerBlock, piece.panels(tileRows) - firstLeft);
  const int64_t rights =
      std::min(rightPanelsPerBlock, piece.panels(width) - firstRight);
  const int64_t stride = rightPanelsPerBlock * width;
  Scratch<float> sums(lefts * tileRows * stride);
  for (int64_t row = 0; row < piece.depth; row += panelDepth) {
    const int64_t depth = std::min(panelDepth, piece.depth - row);
    // A panel of the wider side stays in the first-level cache.
    for (int64_t right = 0; right < rights; ++right)
      for (int64_t left = 0; left < lefts; ++left) {
        const int64_t lastColumn = (firstRight + right + 1) * width - 1;
        if (lastColumn < (firstLeft + left) * tileRows)
          continue; // below the diagonal
        kernels.tile(depth,
                     piece.panel(piece.left, tileRows, firstLeft + left, row),
                     piece.panel(piece.right, width, firstRight + right, row),
                     sums.data() + left * tileRows * stride + right * width,
                     stride, int(tileRows), int(width),
                     row > 0 ? TileMode::Add : TileMode::Store);
      }
  }
  const int64_t rowBegin = firstLeft * tileRows,
                columnBegin = firstRight * width;
  const int64_t rowEnd = std::min(piece.columns, rowBegin + lefts * tileRows);
  const int64_t columnEnd =
      std::min(piece.columns, columnBegin + rights * width);
  for (int64_t row = rowBegin; row < rowEnd; ++row) {
    const float *source = sums.data() + (row - rowBegin) * stride - columnBegin;
    double *target = h.row(row);
    for (int64_t column = std::max(row, columnBegin); column < columnEnd;
         ++column)
      target[column] += double(source[column]);
  }
}

void qopt::syrk(const ComputeContext &context, ConstMatrix x,
                MatrixView<double> h) {
  assert(h.rows == x.columns && h.columns == x.columns);
  const GemmKernels<float> &kernels = kernelsFor(context.isa).f32;
  PackedPiece piece(kernels, x.columns, std::min(rowsPerPiece, x.rows));
  const int64_t blockRows = leftPanelsPerBlock * kernels.tileRows;
  const int64_t blockColumns = rightPanelsPerBlock * kernels.tileColumns;
  const int64_t down = (x.columns + blockRows - 1) / blockRows;
  const int64_t across = (x.columns + blockColumns - 1) / blockColumns;
  for (int64_t row = 0; row < x.rows; row += rowsPerPiece) {
    piece.pack(context, x.block(row, 0, std::min(rowsPerPiece, x.rows - row),
                                x.columns));
    context.pool.parallelFor(down * across, [&](int64_t task) {
      const int64_t i = task % down, j = task / down;
      if ((j + 1) * blockColumns > i * blockRows)
        addBlock(piece, i, j, h);
    });
  }
}

void qopt::mirrorUpper(const ComputeContext &context, MatrixView<double> h) {
  constexpr int64_t size = 64; // a square whose lines stay in cache
  const int64_t blocks = (h.rows + size - 1) / size;
  context.pool.parallelFor(blocks, [&](int64_t block) {
    for (int64_t other = block; other < blocks; ++other)
      for (int64_t row = block * size;
           row < std::min(h.rows, (block + 1) * size); ++row)
        for (int64_t column = std::max(row + 1, other * size);
             column < std::min(h.rows, (other + 1) * size); ++column)
          h(column, row) = h(row, column);
  });
}
