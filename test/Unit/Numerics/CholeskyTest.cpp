#include "qopt/Numerics/Cholesky.h"
#include "NumericsTesting.h"
#include "qopt/Numerics/Hessian.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace qopt;
using namespace qopt::testing;

static Result<HessianInverseFactor<double>>
factorInverse(const ComputeContext &context, const std::vector<double> &h,
              int64_t n, double damp) {
  return qopt::factorInverse<double>(context, std::span(h), n, damp);
}

/// max |(UᵀU) · (H + λI) − I|: U is the factor of the inverse.
static double identityError(const HessianInverseFactor<double> &factor,
                            std::vector<double> h, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    h[i * n + i] += factor.damping;
  auto &u = factor.upper;
  std::vector<double> uh(n * n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = i; k < n; ++k)
      for (int64_t j = 0; j < n; ++j)
        uh[i * n + j] += u[i * n + k] * h[k * n + j];
  std::vector<double> product(n * n);
  for (int64_t k = 0; k < n; ++k)
    for (int64_t i = k; i < n; ++i)
      for (int64_t j = 0; j < n; ++j)
        product[i * n + j] += u[k * n + i] * uh[k * n + j];
  double worst = 0;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      worst = std::max(worst, std::fabs(product[i * n + j] - (i == j)));
  return worst;
}

TEST(Cholesky, FactorOfTheInverseSatisfiesItsIdentity) {
  for (Isa isa : supportedIsas())
    for (int64_t n : {1, 2, 63, 128, 129, 300, 517}) {
      auto h = naiveHessian(correlatedInputs(40 + n, n, n), n);
      std::vector<double> uppers[3];
      for (unsigned threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        auto factor = factorInverse(ComputeContext(pool, isa), h, n, 0.01);
        ASSERT_TRUE(factor) << factor.error().message;
        EXPECT_EQ(factor->raised, 0);
        if (threads == 1)
          EXPECT_LT(identityError(*factor, h, n), 1e-9) << n;
        for (int64_t i = 0; i < n; ++i)
          for (int64_t j = 0; j < i; ++j)
            ASSERT_EQ(factor->upper[i * n + j], 0) << "below the diagonal";
        uppers[threads - 1] = factor->upper;
      }
      EXPECT_EQ(uppers[0], uppers[1]);
      EXPECT_EQ(uppers[0], uppers[2]);
    }
}

TEST(Cholesky, ReadsHInAnyOrderAndWithAnotherDiagonal) {
  ThreadPool pool(2);
  const int64_t n = 203;
  const auto h = naiveHessian(correlatedInputs(300, n, 9), n);
  const std::vector<float> narrow(h.begin(), h.end());
  std::vector<int64_t> order(n);
  std::vector<double> diagonal(n), permuted(n * n);
  for (int64_t i = 0; i < n; ++i) {
    order[i] = i * 50 % n;
    diagonal[i] = h[i * n + i] + 0.5;
  }
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j)
      permuted[i * n + j] = narrow[order[i] * n + order[j]];
    permuted[i * n + i] = diagonal[order[i]];
  }
  auto expected = factorInverse(pool, permuted, n, 0.01);
  auto found = qopt::factorInverse<float>(pool, std::span<const float>(narrow),
                                          n, 0.01, order, diagonal);
  ASSERT_TRUE(expected && found);
  EXPECT_EQ(found->damping, expected->damping);
  for (int64_t i = 0; i < n * n; ++i)
    ASSERT_EQ(found->upper[i], float(expected->upper[i]));
}

TEST(Cholesky, RaisesTheDampingOfASingularHessianAndSaysSo) {
  ThreadPool pool(2);
  const int64_t n = 20;
  std::vector<double> h(n * n, 1); // rank one
  auto factor = factorInverse(pool, h, n, 0);
  ASSERT_TRUE(factor) << factor.error().message;
  EXPECT_GT(factor->raised, 0);
  EXPECT_GT(factor->damping, 0);
  for (double value : factor->upper)
    EXPECT_TRUE(std::isfinite(value));
}

TEST(Cholesky, DeadInputsCountAsOne) {
  ThreadPool pool(1);
  std::vector<double> h = {4, 0, 0, 0};
  auto factor = factorInverse(pool, h, 2, 0);
  ASSERT_TRUE(factor);
  EXPECT_DOUBLE_EQ(factor->upper[0], 0.5);
  EXPECT_DOUBLE_EQ(factor->upper[3], 1);
}

TEST(Cholesky, RefusesWhatNoDampingCanRepair) {
  ThreadPool pool(1);
  auto indefinite = factorInverse(pool, {1, 1e6, 1e6, 1}, 2, 0.01);
  ASSERT_FALSE(indefinite);
  EXPECT_EQ(indefinite.error().kind, ErrorKind::BadInput);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(factorInverse(pool, {1, nan, nan, 1}, 2, 0.01));
  // Found in the last of several tiles, while others wait for each other.
  ThreadPool two(2);
  const int64_t n = 401;
  std::vector<double> far(n * n);
  for (int64_t i = 0; i < n; ++i)
    far[i * n + i] = 1;
  far[n - 1] = far[(n - 1) * n] = 1e6;
  EXPECT_FALSE(factorInverse(two, far, n, 0.01));
  EXPECT_FALSE(factorInverse(pool, {nan, 0, 0, 1}, 2, 0.01));
  EXPECT_FALSE(factorInverse(pool, {-1, 0, 0, 1}, 2, 0.01));
}

TEST(Hessian, MatchesItsDefinitionHoweverRowsAreCut) {
  ThreadPool pool(2);
  const int64_t rows = 1100, columns = 37;
  auto x = correlatedInputs(rows, columns, 5);
  auto expected = naiveHessian(x, columns);
  HessianAccumulator whole(columns), pieces(columns);
  ASSERT_TRUE(whole.add(pool, {x.data(), rows, columns}));
  for (int64_t row = 0; row < rows; row += 100)
    ASSERT_TRUE(pieces.add(pool, {x.data() + row * columns, 100, columns}));
  EXPECT_EQ(whole.samples(), rows);
  HessianStatistics a = whole.finish(pool), b = pieces.finish(pool);
  EXPECT_EQ(a.hessian, b.hessian);
  EXPECT_EQ(a.meanAbsolute, b.meanAbsolute);
  EXPECT_EQ(a.samples, rows);
  EXPECT_EQ(whole.samples(), 0);
  for (int64_t i = 0; i < columns * columns; ++i)
    ASSERT_NEAR(a.hessian[i], expected[i], 1e-5);
  for (int64_t k = 0; k < columns; ++k) {
    double absolute = 0, squares = 0, largest = 0;
    for (int64_t row = 0; row < rows; ++row) {
      const double value = x[row * columns + k];
      absolute += std::fabs(value) / rows;
      squares += value * value;
      largest = std::max(largest, std::fabs(value));
    }
    EXPECT_NEAR(a.meanAbsolute[k], absolute, 1e-9);
    EXPECT_NEAR(a.sumSquares[k], squares, 1e-6);
    EXPECT_EQ(a.maxAbsolute[k], float(largest));
  }
}

TEST(Hessian, NamesTheActivationThatIsNotFinite) {
  ThreadPool pool(1);
  std::vector<float> x(6, 1);
  x[5] = std::numeric_limits<float>::infinity();
  HessianAccumulator accumulator(3);
  Status status = accumulator.add(pool, {x.data(), 2, 3});
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("[1, 2]"), std::string::npos);
  EXPECT_EQ(accumulator.samples(), 0);
}
