#include "qopt/Numerics/Gemm.h"
#include "NumericsTesting.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::testing;

namespace {
struct Shape {
  int64_t m, n, k;
};
const Shape shapes[] = {{1, 1, 1},     {1, 37, 65},   {3, 17, 300},  {5, 33, 7},
                        {13, 49, 257}, {64, 96, 128}, {1030, 70, 40}};
} // namespace

TEST(Gemm, MatchesTheDefinitionOnEveryInstructionSetWithStrides) {
  ThreadPool pool(2);
  for (Isa isa : supportedIsas())
    for (auto [m, n, k] : shapes) {
      const int64_t xs = k + 3, ws = k + 1, ys = n + 5;
      auto x = randomValues(m * xs, 1), w = randomValues(n * ws, 2);
      std::vector<float> y(m * ys, -7);
      gemm({pool, isa}, {x.data(), m, k, xs}, {w.data(), n, k, ws},
           {y.data(), m, n, ys});
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t d = 0; d < k; ++d)
            sum += double(x[i * xs + d]) * w[j * ws + d];
          ASSERT_NEAR(y[i * ys + j], sum, 1e-6 * (4 + k))
              << isaName(isa) << " " << m << "x" << n << "x" << k;
        }
        EXPECT_EQ(y[i * ys + n], -7) << "wrote beyond the row";
      }
    }
}

TEST(Gemm, OfRowMajorFactorsStoresAndSubtracts) {
  ThreadPool pool(2);
  for (Isa isa : supportedIsas())
    for (auto [m, n, k] : shapes) {
      auto a = randomValues(m * k, 3), b = randomValues(k * n, 4);
      std::vector<float> c(m * n, 2), stored(m * n, 2);
      gemmSubtract({pool, isa}, {a.data(), m, k}, {b.data(), k, n},
                   {c.data(), m, n});
      matmul({pool, isa}, {a.data(), m, k}, {b.data(), k, n},
             {stored.data(), m, n});
      std::vector<double> a64(a.begin(), a.end()), b64(b.begin(), b.end());
      std::vector<double> c64(m * n, 2);
      gemmSubtract({pool, isa}, {a64.data(), m, k}, {b64.data(), k, n},
                   MatrixView<double>{c64.data(), m, n});
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t d = 0; d < k; ++d)
            sum += a64[i * k + d] * b64[d * n + j];
          ASSERT_NEAR(c64[i * n + j], 2 - sum, 1e-13 * (4 + k));
          ASSERT_NEAR(c[i * n + j], 2 - sum, 1e-6 * (4 + k));
          ASSERT_NEAR(stored[i * n + j], sum, 1e-6 * (4 + k));
        }
    }
}

TEST(Gemm, IsBitIdenticalForAnyNumberOfThreads) {
  const int64_t m = 70, n = 400, k = 600;
  auto x = randomValues(m * k, 1), w = randomValues(n * k, 2);
  for (Isa isa : supportedIsas())
    for (int64_t rows : {int64_t(1), m}) {
      std::vector<float> results[3];
      for (unsigned threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        auto &y = results[threads - 1];
        y.resize(rows * n);
        gemm({pool, isa}, {x.data(), rows, k}, {w.data(), n, k},
             {y.data(), rows, n});
      }
      EXPECT_EQ(results[0], results[1]);
      EXPECT_EQ(results[0], results[2]);
    }
}

TEST(Syrk, AddsOuterProductsAboveTheDiagonalOnly) {
  for (Isa isa : supportedIsas())
    for (auto [rows, k] :
         {std::pair<int64_t, int64_t>{1, 1}, {3, 5}, {1500, 130}, {300, 333}}) {
      auto x = randomValues(rows * k, 9);
      std::vector<double> results[3];
      for (unsigned threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        results[threads - 1].assign(k * k, 3);
        syrk({pool, isa}, {x.data(), rows, k},
             {results[threads - 1].data(), k, k});
      }
      EXPECT_EQ(results[0], results[1]);
      EXPECT_EQ(results[0], results[2]);
      for (int64_t i = 0; i < k; ++i)
        for (int64_t j = 0; j < k; ++j) {
          double sum = 3;
          for (int64_t r = 0; r < rows && j >= i; ++r)
            sum += double(x[r * k + i]) * x[r * k + j];
          ASSERT_NEAR(results[0][i * k + j], sum, 1e-5 * std::sqrt(rows))
              << isaName(isa) << " [" << i << ", " << j << "]";
        }
      ThreadPool pool(2);
      mirrorUpper(pool, {results[0].data(), k, k});
      for (int64_t i = 0; i < k; ++i)
        for (int64_t j = 0; j < i; ++j)
          ASSERT_EQ(results[0][i * k + j], results[0][j * k + i]);
    }
}

TEST(Syrk, KeepsLongSumsAccurate) {
  // An f32 running sum of ones stops growing at 2^24; equal squares of 1/3
  // drift by 1e-4 long before.
  ThreadPool pool(2);
  std::vector<float> x(4096, 1.f / 3);
  double h = 0;
  for (int batch = 0; batch < 4096; ++batch)
    syrk(pool, {x.data(), 4096, 1}, {&h, 1, 1});
  const double expected = 4096. * 4096. * double(x[0]) * x[0];
  EXPECT_NEAR(h / expected, 1, 1e-5);
}

TEST(Isa, NamesRoundTripAndUnknownNamesListTheChoices) {
  for (Isa isa : supportedIsas())
    EXPECT_EQ(parseIsa(isaName(isa)), isa);
  EXPECT_EQ(parseIsa("auto"), detectIsa());
  auto wrong = parseIsa("mmx");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, ErrorKind::Usage);
  EXPECT_NE(wrong.error().message.find("baseline"), std::string::npos);
}
