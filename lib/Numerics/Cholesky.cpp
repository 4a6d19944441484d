//===- Cholesky.cpp - triangular factors in f64 -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A task per tile, column by column, and all that is subtracted from a tile in
// its task (left-looking). Tasks start in this order and wait for the tiles
// that they read, which are of earlier tasks: so a column begins while the one
// before it ends, and nobody waits for a diagonal tile who has products left.
// The sums of a tile are formed in one order, whoever forms them.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Cholesky.h"
#include "TriangularTiles.h"

#include <atomic>
#include <cmath>

using namespace qopt;

namespace {
/// Tiles that are finished, for tasks that wait for them.
class FinishedTiles {
public:
  explicit FinishedTiles(int64_t count)
      : finished(std::make_unique<std::atomic<int>[]>(count)) {}
  void set(int64_t tile) {
    finished[tile].store(1, std::memory_order_release);
    finished[tile].notify_all();
  }
  void wait(int64_t tile) { finished[tile].wait(0, std::memory_order_acquire); }

private:
  std::unique_ptr<std::atomic<int>[]> finished;
};
} // namespace

/// T = L of T = L Lᵀ; false if T is not positive definite.
static bool factor(const ComputeContext &context, TriangularTiles &tiles) {
  const int64_t n = tiles.tiles(), count = n * (n + 1) / 2;
  std::vector<std::pair<int64_t, int64_t>> places;
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = j; i < n; ++i)
      places.emplace_back(i, j);
  FinishedTiles finished(count);
  std::atomic<bool> positive = true;
  context.pool.parallelFor(count, [&](int64_t task) {
    const auto [i, j] = places[task];
    for (int64_t k = 0; k < j && positive; ++k) {
      finished.wait(tiles.number(i, k));
      finished.wait(tiles.number(j, k));
      tiles.subtract(i, j, k);
    }
    if (i > j)
      finished.wait(tiles.number(j, j));
    if (!positive) {
    } else if (i > j)
      tiles.solve(i, j);
    else if (!tiles.factorDiagonal(j))
      positive = false;
    finished.set(task); // in any case, for those who wait
  });
  return positive;
}

namespace {
/// H + λI from its last row and column to its first: then H = R Rᵀ is the
/// ordinary factorisation J H J = (J R J)(J R J)ᵀ, and R⁻¹ = J (J R J)⁻¹ J.
template <typename T> struct ReversedHessian {
  std::span<const T> numbers;
  std::vector<int64_t> places;  // row and column of H
  std::vector<double> diagonal; // without λ

  /// False if a number is not finite.
  bool load(const ComputeContext &context, double shift,
            TriangularTiles &tiles) const {
    const int64_t n = places.size(), edge = tiles.edge(), width = tiles.width();
    tiles.clearPadding();
    std::atomic<bool> finite = true;
    context.pool.parallelFor(n, [&](int64_t column) {
      const int64_t j = column / edge;
      const T *source = numbers.data() + places[column] * n;
      bool good = true;
      for (int64_t row = j * edge; row < n; row += width) {
        double *target = tiles.right(row / edge, j) +
                         tiles.rowPlace(row % edge) + column % edge * width;
        for (int64_t lane = 0; lane < std::min(width, n - row); ++lane) {
          target[lane] = source[places[row + lane]];
          good &= std::isfinite(target[lane]);
        }
      }
      tiles.right(j, j)[tiles.rowPlace(column % edge) + column % edge * width] =
          diagonal[column] + shift;
      if (!good)
        finite = false;
    });
    return finite;
  }
};
} // namespace

template <typename T>
static Result<ReversedHessian<T>>
reversed(std::span<const T> hessian, int64_t columns,
         std::span<const int64_t> order, std::span<const double> diagonals) {
  ReversedHessian<T> result{hessian, {}, {}};
  for (int64_t k = columns - 1; k >= 0; --k) {
    const int64_t place = order.empty() ? k : order[k];
    const double diagonal =
        diagonals.empty() ? hessian[place * columns + place] : diagonals[place];
    if (!std::isfinite(diagonal) || diagonal < 0)
      return badInput("the Hessian has ", diagonal, " at diagonal element ",
                      place);
    result.places.push_back(place);
    result.diagonal.push_back(diagonal == 0 ? 1 : diagonal);
  }
  return result;
}

/// L⁻¹ from its last row and column to its first.
template <typename U>
static void invert(const ComputeContext &context, TriangularTiles &tiles,
                   std::vector<U> &upper) {
  const int64_t n = tiles.columns(), edge = tiles.edge();
  // Columns of tiles do not need each other; the first are the longest.
  context.pool.parallelFor(tiles.tiles(), [&](int64_t j) {
    tiles.invertColumn(j);
    for (int64_t row = j * edge; row < n; ++row) {
      const double *source =
          tiles.right(row / edge, j) + row % edge * tiles.width();
      // In panels of columns: rows and columns change places.
      U *target = upper.data() + (n - 1 - row) * n + n - 1 - j * edge;
      for (int64_t column = 0; column < tiles.size(j); ++column)
        target[-column] = U(source[tiles.rowPlace(column)]);
    }
  });
}

template <typename U, typename T>
Result<HessianInverseFactor<U>>
qopt::factorInverse(const ComputeContext &context, std::span<const T> hessian,
                    int64_t columns, double damp,
                    std::span<const int64_t> order,
                    std::span<const double> diagonal) {
  HessianInverseFactor<U> result;
  if (columns == 0)
    return result;
  QOPT_ASSIGN(ReversedHessian<T> source,
              reversed(hessian, columns, order, diagonal));
  double trace = 0;
  for (double value : source.diagonal)
    trace += value;
  const double mean = trace / double(columns);
  result.damping = damp * mean;
  TriangularTiles tiles(kernelsFor(context.isa).f64, columns);
  for (;; ++result.raised) {
    if (!source.load(context, result.damping, tiles))
      return badInput("the Hessian holds a value that is not finite");
    if (factor(context, tiles))
      break;
    // From no damping at all, tenfold steps start at 1e-8 of the mean.
    result.damping = std::max(10 * result.damping, 1e-8 * mean);
    if (result.damping > 1e3 * mean)
      return badInput("the Hessian is not positive definite even with 1000 "
                      "times the mean of its diagonal added to it");
  }
  assignZeros(context.pool, result.upper, columns * columns);
  invert(context, tiles, result.upper);
  return result;
}

#define INSTANTIATE(U, T)                                                      \
  template Result<HessianInverseFactor<U>> qopt::factorInverse<U, T>(          \
      const ComputeContext &, std::span<const T>, int64_t, double,             \
      std::span<const int64_t>, std::span<const double>);
INSTANTIATE(double, double)
INSTANTIATE(float, double)
INSTANTIATE(float, float)
#undef INSTANTIATE
