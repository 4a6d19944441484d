//===- Cholesky.cpp - triangular factors in f64 -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Cholesky.h"
#include "GemmDriver.h"

#include <algorithm>
#include <cmath>
#include <memory>

using namespace qopt;

/// Columns that are factored before the rest of the matrix is updated.
static constexpr int64_t blockSize = 128;
/// Columns of the inverse that one task computes.
static constexpr int64_t stripSize = 256;

/// Cholesky of one diagonal block, column by column; subtracts whole columns so
/// that the inner loop runs along rows of the transpose kept in `work`.
static bool factorBlock(MatrixView<double> a) {
  const int64_t n = a.rows;
  double work[blockSize][blockSize]; // work[k][i] = a(i, k): rows are columns
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k <= i; ++k)
      work[k][i] = a(i, k);
  for (int64_t k = 0; k < n; ++k) {
    if (!(work[k][k] > 0) || !std::isfinite(work[k][k]))
      return false;
    const double pivot = std::sqrt(work[k][k]);
    for (int64_t i = k; i < n; ++i)
      work[k][i] /= pivot;
    work[k][k] = pivot;
    for (int64_t j = k + 1; j < n; ++j) {
      const double factor = work[k][j];
      for (int64_t i = j; i < n; ++i)
        work[j][i] -= factor * work[k][i];
    }
  }
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k <= i; ++k)
      a(i, k) = work[k][i];
  return true;
}

/// Inverse of one lower triangular block by forward substitution on the rows
/// of the identity: X_i = (e_i − Σ_{k<i} l_ik X_k) / l_ii.
static void invertBlock(MatrixView<const double> l, MatrixView<double> x) {
  for (int64_t i = 0; i < l.rows; ++i) {
    std::fill_n(x.row(i), l.rows, 0.);
    x(i, i) = 1;
    for (int64_t k = 0; k < i; ++k) {
      const double factor = l(i, k);
      for (int64_t j = 0; j <= k; ++j)
        x(i, j) -= factor * x(k, j);
    }
    for (int64_t j = 0; j <= i; ++j)
      x(i, j) /= l(i, i);
  }
}

bool qopt::choleskyLower(const ComputeContext &context, MatrixView<double> a) {
  const int64_t n = a.rows;
  std::vector<double> inverse(blockSize * blockSize), panel;
  for (int64_t begin = 0; begin < n; begin += blockSize) {
    const int64_t size = std::min(blockSize, n - begin);
    MatrixView<double> diagonal = a.block(begin, begin, size, size);
    if (!factorBlock(diagonal))
      return false;
    const int64_t below = n - begin - size;
    if (below == 0)
      return true;
    // L21 = A21 · L11⁻ᵀ, then A22 −= L21 · L21ᵀ.
    MatrixView<double> inverse11(inverse.data(), size, size);
    invertBlock(diagonal, inverse11);
    MatrixView<double> a21 = a.block(begin + size, begin, below, size);
    panel.resize(below * size);
    for (int64_t row = 0; row < below; ++row)
      std::copy_n(a21.row(row), size, panel.data() + row * size);
    MatrixView<double> copy(panel.data(), below, size);
    gemmBlocked(context, size, byRows(copy), byRows(inverse11), a21.data,
                a21.stride, TileMode::Store);
    MatrixView<double> a22 = a.block(begin + size, begin + size, below, below);
    gemmBlocked(context, size, byRows(a21), byRows(a21), a22.data, a22.stride,
                TileMode::Subtract, Triangle::Lower);
  }
  return true;
}

void qopt::invertLower(const ComputeContext &context,
                       MatrixView<const double> l, MatrixView<double> inverse) {
  // Strips of columns of X = L⁻¹ are independent. In each, from the diagonal
  // down: X_i = −L_ii⁻¹ · Σ_k L_ik X_k, k from the strip to the block above i.
  const int64_t n = l.rows, strips = (n + stripSize - 1) / stripSize;
  std::vector<double> blocks(((n + blockSize - 1) / blockSize) * blockSize *
                             blockSize);
  auto blockInverse = [&](int64_t begin) {
    const int64_t size = std::min(blockSize, n - begin);
    return MatrixView<double>(blocks.data() + begin * blockSize, size, size);
  };
  context.pool.parallelFor((n + blockSize - 1) / blockSize, [&](int64_t block) {
    const int64_t begin = block * blockSize;
    MatrixView<double> target = blockInverse(begin);
    invertBlock(l.block(begin, begin, target.rows, target.rows), target);
  });
  context.pool.parallelFor(strips, [&](int64_t strip) {
    const int64_t first = strip * stripSize;
    const int64_t width = std::min(stripSize, n - first);
    std::vector<double> sum(blockSize * width);
    for (int64_t row = 0; row < first; ++row)
      std::fill_n(inverse.row(row) + first, width, 0.);
    for (int64_t begin = first; begin < n; begin += blockSize) {
      const int64_t size = std::min(blockSize, n - begin);
      MatrixView<double> target = inverse.block(begin, first, size, width);
      // Minus the sum over the blocks above, plus the identity.
      std::fill(sum.begin(), sum.end(), 0.);
      if (begin > first)
        gemmBlocked(context, begin - first,
                    byRows(l.block(begin, first, size, begin - first)),
                    byColumns<const double>(
                        inverse.block(first, first, begin - first, width)),
                    sum.data(), width, TileMode::Subtract);
      for (int64_t i = 0; i < size; ++i)
        if (begin + i < first + width)
          sum[i * width + begin + i - first] += 1;
      gemmBlocked(context, size, byRows(blockInverse(begin)),
                  byColumns(MatrixView<double>(sum.data(), size, width)),
                  target.data, target.stride, TileMode::Store);
    }
  });
}

/// target(i, j) = source(n − 1 − i, n − 1 − j), λ added to the diagonal.
static void reverse(const ComputeContext &context,
                    const std::vector<double> &source, int64_t n, double shift,
                    std::vector<double> &target) {
  context.pool.parallelFor(n, [&](int64_t i) {
    const double *from = source.data() + (n - 1 - i) * n;
    std::reverse_copy(from, from + n, target.data() + i * n);
    target[i * n + i] += shift;
  });
}

Result<HessianInverseFactor> qopt::factorInverse(const ComputeContext &context,
                                                 std::vector<double> hessian,
                                                 int64_t columns, double damp) {
  double trace = 0;
  for (int64_t k = 0; k < columns; ++k) {
    double &diagonal = hessian[k * columns + k];
    if (diagonal == 0)
      diagonal = 1;
    if (!std::isfinite(diagonal) || diagonal < 0)
      return badInput("the Hessian has ", diagonal, " at diagonal element ", k);
    trace += diagonal;
  }
  for (double value : hessian)
    if (!std::isfinite(value))
      return badInput("the Hessian holds a value that is not finite");
  const double mean = columns > 0 ? trace / double(columns) : 0;

  HessianInverseFactor result;
  result.damping = damp * mean;
  // Reversing both indices turns H = R Rᵀ into the ordinary factorisation
  // J H J = (J R J)(J R J)ᵀ, and R⁻¹ into J (J R J)⁻¹ J.
  std::vector<double> reversed(columns * columns);
  MatrixView<double> view(reversed.data(), columns, columns);
  for (;; ++result.raised) {
    reverse(context, hessian, columns, result.damping, reversed);
    if (choleskyLower(context, view))
      break;
    // From no damping at all, tenfold steps start at 1e-8 of the mean.
    result.damping = std::max(10 * result.damping, 1e-8 * mean);
    if (result.damping > 1e3 * mean)
      return badInput("the Hessian is not positive definite even with 1000 "
                      "times the mean of its diagonal added to it");
  }
  MatrixView<double> inverse(hessian.data(), columns, columns);
  invertLower(context, view, inverse);
  reverse(context, hessian, columns, 0, reversed);
  result.upper = std::move(reversed);
  return result;
}
