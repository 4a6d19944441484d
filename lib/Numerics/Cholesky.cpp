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

/// Columns that are factored element by element; all else are products.
static constexpr int64_t blockSize = 64;
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

namespace {

/// The inverses of the diagonal blocks of a triangular matrix.
class DiagonalInverses {
public:
  explicit DiagonalInverses(int64_t n)
      : n(n), numbers((n + blockSize - 1) / blockSize * blockSize * blockSize) {
  }
  MatrixView<double> at(int64_t begin) {
    const int64_t size = std::min(blockSize, n - begin);
    return {numbers.data() + begin * blockSize, size, size};
  }

private:
  int64_t n;
  std::vector<double> numbers;
};

/// Where the recursion cuts a matrix of more than one block.
int64_t half(int64_t n) {
  return (n / 2 + blockSize - 1) / blockSize * blockSize;
}

/// The recursive algorithm (Gustavson 1997): half of the work is one product
/// as deep as half of the matrix, so that each element of the matrix is read
/// and written once per level and not once per block of columns.
class CholeskyRecursion {
public:
  CholeskyRecursion(const ComputeContext &context, int64_t n)
      : context(context), inverses(n) {}

  /// A = L Lᵀ, A being the diagonal block at `begin` of the whole matrix.
  bool factor(MatrixView<double> a, int64_t begin) {
    const int64_t n = a.rows;
    if (n <= blockSize) {
      if (!factorBlock(a))
        return false;
      invertBlock(a, inverses.at(begin));
      return true;
    }
    const int64_t m = half(n);
    MatrixView<double> l11 = a.block(0, 0, m, m), l21 = a.block(m, 0, n - m, m);
    MatrixView<double> a22 = a.block(m, m, n - m, n - m);
    if (!factor(l11, begin))
      return false;
    solve(l11, l21, begin);
    gemmBlocked(context, m, byRows(l21), byRows(l21), a22.data, a22.stride,
                TileMode::Subtract, Triangle::Lower);
    return factor(a22, begin + m);
  }

private:
  /// B = B · L⁻ᵀ.
  void solve(MatrixView<double> l, MatrixView<double> b, int64_t begin) {
    const int64_t n = l.rows;
    if (n <= blockSize) {
      panel.resize(b.rows * n);
      for (int64_t row = 0; row < b.rows; ++row)
        std::copy_n(b.row(row), n, panel.data() + row * n);
      gemmBlocked(
          context, n, byRows(MatrixView<double>(panel.data(), b.rows, n)),
          byRows(inverses.at(begin)), b.data, b.stride, TileMode::Store);
      return;
    }
    const int64_t m = half(n);
    MatrixView<double> b1 = b.block(0, 0, b.rows, m);
    MatrixView<double> b2 = b.block(0, m, b.rows, n - m);
    solve(l.block(0, 0, m, m), b1, begin);
    gemmBlocked(context, m, byRows(b1), byRows(l.block(m, 0, n - m, m)),
                b2.data, b2.stride, TileMode::Subtract);
    solve(l.block(m, m, n - m, n - m), b2, begin + m);
  }

  const ComputeContext &context;
  DiagonalInverses inverses;
  std::vector<double> panel;
};

} // namespace

bool qopt::choleskyLower(const ComputeContext &context, MatrixView<double> a) {
  return a.rows == 0 || CholeskyRecursion(context, a.rows).factor(a, 0);
}

/// B = L⁻¹ · B, L being the diagonal block at `begin` of the whole matrix.
static void solveLower(const ComputeContext &context,
                       MatrixView<const double> l, MatrixView<double> b,
                       DiagonalInverses &inverses, int64_t begin) {
  const int64_t n = l.rows;
  if (n <= blockSize) {
    std::vector<double> copy(n * b.columns);
    for (int64_t row = 0; row < n; ++row)
      std::copy_n(b.row(row), b.columns, copy.data() + row * b.columns);
    gemmBlocked(context, n, byRows(inverses.at(begin)),
                byColumns(MatrixView<double>(copy.data(), n, b.columns)),
                b.data, b.stride, TileMode::Store);
    return;
  }
  const int64_t m = half(n);
  MatrixView<double> b1 = b.block(0, 0, m, b.columns);
  MatrixView<double> b2 = b.block(m, 0, n - m, b.columns);
  solveLower(context, l.block(0, 0, m, m), b1, inverses, begin);
  gemmBlocked(context, m, byRows(l.block(m, 0, n - m, m)), byColumns(b1),
              b2.data, b2.stride, TileMode::Subtract);
  solveLower(context, l.block(m, m, n - m, n - m), b2, inverses, begin + m);
}

void qopt::invertLower(const ComputeContext &context,
                       MatrixView<const double> l, MatrixView<double> inverse) {
  const int64_t n = l.rows, strips = (n + stripSize - 1) / stripSize;
  DiagonalInverses inverses(n);
  context.pool.parallelFor((n + blockSize - 1) / blockSize, [&](int64_t block) {
    const int64_t begin = block * blockSize;
    MatrixView<double> target = inverses.at(begin);
    invertBlock(l.block(begin, begin, target.rows, target.rows), target);
  });
  // Strips of columns of L · X = I are independent; the first are the longest.
  // Inside of each, products are cut for one thread.
  ThreadPool single(1);
  const ComputeContext alone{single, context.isa};
  context.pool.parallelFor(strips, [&](int64_t strip) {
    const int64_t first = strip * stripSize;
    const int64_t width = std::min(stripSize, n - first);
    for (int64_t row = 0; row < n; ++row)
      std::fill_n(inverse.row(row) + first, width, 0.);
    for (int64_t i = first; i < first + width; ++i)
      inverse(i, i) = 1;
    solveLower(alone, l.block(first, first, n - first, n - first),
               inverse.block(first, first, n - first, width), inverses, first);
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
