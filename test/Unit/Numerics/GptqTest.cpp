#include "qopt/Numerics/Gptq.h"
#include "NumericsTesting.h"
#include "qopt/Numerics/ErrorMetrics.h"
#include "qopt/Numerics/Rtn.h"

#include <gtest/gtest.h>
#include <limits>

using namespace qopt;
using namespace qopt::testing;

/// Optimal brain quantization by its formulas: an explicit inverse from which
/// each visited column is eliminated. The codes of one row, in f64.
static std::vector<uint8_t> textbook(std::vector<double> w,
                                     std::vector<double> h, double damping,
                                     const std::vector<int64_t> &order,
                                     const GroupedScheme &scheme) {
  const int64_t n = w.size();
  std::vector<double> inverse(n * n);
  for (int64_t i = 0; i < n; ++i) {
    h[i * n + i] += damping;
    inverse[i * n + i] = 1;
  }
  for (int64_t p = 0; p < n; ++p) { // Gauss and Jordan
    const double pivot = h[p * n + p];
    for (int64_t j = 0; j < n; ++j)
      h[p * n + j] /= pivot, inverse[p * n + j] /= pivot;
    for (int64_t i = 0; i < n; ++i)
      if (const double factor = h[i * n + p]; i != p)
        for (int64_t j = 0; j < n; ++j) {
          h[i * n + j] -= factor * h[p * n + j];
          inverse[i * n + j] -= factor * inverse[p * n + j];
        }
  }
  std::vector<uint8_t> codes(n);
  const int64_t length = scheme.groupLength(n);
  int64_t current = -1;
  GroupGrid grid;
  for (int64_t q : order) {
    if (q / length != current) {
      current = q / length;
      const int64_t end = std::min(n, (current + 1) * length);
      std::vector<float> group(w.begin() + current * length, w.begin() + end);
      grid = *findGrid(group, scheme);
    }
    codes[q] = grid.encode(float(w[q]), scheme.maxCode());
    const double error = (w[q] - grid.decode(codes[q])) / inverse[q * n + q];
    for (int64_t j = 0; j < n; ++j)
      w[j] -= error * inverse[q * n + j];
    std::vector<double> row(inverse.begin() + q * n,
                            inverse.begin() + (q + 1) * n);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j)
        inverse[i * n + j] -= row[i] * row[j] / row[q];
  }
  return codes;
}

namespace {
struct Problem {
  int64_t rows, columns;
  std::vector<float> weights;
  std::vector<double> hessian;
  Problem(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), weights(randomValues(rows * columns, 11)),
        hessian(naiveHessian(correlatedInputs(3 * columns, columns, 12),
                             columns)) {}
  ConstMatrix view() const { return {weights.data(), rows, columns}; }
};
} // namespace

TEST(Gptq, GivesTheCodesOfTheTextbook) {
  ThreadPool pool(2);
  const Problem problem(9, 100);
  for (Isa isa : supportedIsas())
    for (GptqOrder order : {GptqOrder::None, GptqOrder::Group})
      for (GroupedScheme scheme :
           {GroupedScheme{4, 32, false}, GroupedScheme{3, 48, true},
            GroupedScheme{2, -1, false}, GroupedScheme{8, 16, false}}) {
        GptqOptions options;
        options.order = order;
        options.block = 40; // divides neither K nor the groups
        auto factor = gptqFactor({pool, isa}, std::span(problem.hessian), 100,
                                 scheme, options);
        ASSERT_TRUE(factor) << factor.error().message;
        auto result =
            gptqQuantize({pool, isa}, problem.view(), *factor, scheme, options);
        ASSERT_TRUE(result) << result.error().message;
        int64_t different = 0;
        for (int64_t row = 0; row < problem.rows; ++row) {
          auto begin = problem.weights.begin() + row * 100;
          auto codes = textbook({begin, begin + 100}, problem.hessian,
                                factor->damping, factor->permutation, scheme);
          for (int64_t k = 0; k < 100; ++k)
            different += codes[k] != result->matrix.codes[row * 100 + k];
        }
        // f32 and f64 may round a weight halfway between two codes apart.
        EXPECT_LE(different, 2) << isaName(isa) << " " << scheme.bits;
      }
}

TEST(Gptq, ProxyLossIsTheLossOfTheResultAndBelowRtn) {
  ThreadPool pool(2);
  Problem problem(40, 200);
  for (GptqOrder order : {GptqOrder::None, GptqOrder::Act, GptqOrder::Group}) {
    GroupedScheme scheme{3, 64, false};
    GptqOptions options;
    options.order = order;
    auto result =
        gptqQuantize(pool, problem.view(), problem.hessian, scheme, options);
    ASSERT_TRUE(result) << result.error().message;
    auto nearest = rtnQuantize(pool, problem.view(), scheme);
    ASSERT_TRUE(nearest);
    std::vector<double> damped = problem.hessian;
    for (int64_t k = 0; k < 200; ++k)
      damped[k * 201] += result->damping;
    auto lossOf = [&](const GroupedMatrix &matrix) {
      std::vector<float> values(40 * 200);
      for (int64_t row = 0; row < 40; ++row)
        matrix.dequantizeRow(row, values.data() + row * 200);
      return proxyLoss(pool, problem.view(), {values.data(), 40, 200},
                       {damped.data(), 200, 200});
    };
    EXPECT_NEAR(result->proxyLoss / lossOf(result->matrix), 1, 1e-3);
    EXPECT_LT(result->proxyLoss, 0.8 * lossOf(*nearest));
  }
}

TEST(Gptq, EachRoundOfDescentMakesTheErrorSmaller) {
  Problem problem(130, 192);
  for (int64_t row = 0; row < 192; ++row) // an input that is always 0
    problem.hessian[row * 192 + 7] = problem.hessian[7 * 192 + row] = 0;
  for (GroupedScheme scheme :
       {GroupedScheme{2, 64, false}, GroupedScheme{3, 32, true},
        GroupedScheme{4, 96, false}, GroupedScheme{8, 16, false}}) {
    double before = std::numeric_limits<double>::infinity();
    for (int rounds : {0, 1, 2, 6}) {
      GptqOptions options;
      options.rounds = rounds;
      ThreadPool one(1), two(2);
      auto result =
          gptqQuantize(one, problem.view(), problem.hessian, scheme, options);
      ASSERT_TRUE(result) << result.error().message;
      EXPECT_LT(result->proxyLoss, (rounds ? 1 : 2) * before)
          << scheme.bits << " bits, " << rounds;
      before = result->proxyLoss;
      auto again =
          gptqQuantize(two, problem.view(), problem.hessian, scheme, options);
      EXPECT_EQ(again->matrix.codes, result->matrix.codes);
      EXPECT_EQ(again->matrix.scales, result->matrix.scales);
      EXPECT_EQ(again->matrix.zeros, result->matrix.zeros);
      // The loss is that of what is returned, and dead columns are zeros.
      Problem alive = problem;
      std::vector<float> values(130 * 192);
      for (int64_t row = 0; row < 130; ++row) {
        result->matrix.dequantizeRow(row, values.data() + row * 192);
        EXPECT_EQ(values[row * 192 + 7], 0);
        alive.weights[row * 192 + 7] = 0;
      }
      for (int64_t k = 0; k < 192; ++k)
        alive.hessian[k * 193] += result->damping;
      EXPECT_NEAR(result->proxyLoss /
                      proxyLoss(one, alive.view(), {values.data(), 130, 192},
                                {alive.hessian.data(), 192, 192}),
                  1, 1e-3);
    }
  }
}

TEST(Gptq, IsBitIdenticalForAnyNumberOfThreads) {
  Problem problem(300, 150);
  for (Isa isa : supportedIsas()) {
    std::vector<uint8_t> codes[3];
    std::vector<uint16_t> scales[3];
    double losses[3];
    for (unsigned threads : {1, 2, 3}) {
      ThreadPool pool(threads);
      auto result = gptqQuantize({pool, isa}, problem.view(), problem.hessian,
                                 {4, 32, false});
      ASSERT_TRUE(result);
      codes[threads - 1] = result->matrix.codes;
      scales[threads - 1] = result->matrix.scales;
      losses[threads - 1] = result->proxyLoss;
    }
    for (int other : {1, 2}) {
      EXPECT_EQ(codes[0], codes[other]);
      EXPECT_EQ(scales[0], scales[other]);
      EXPECT_EQ(losses[0], losses[other]);
    }
  }
}

TEST(Gptq, WithoutCorrelationsIsRoundToNearest) {
  ThreadPool pool(2);
  Problem problem(5, 70);
  std::vector<double> identity(70 * 70);
  for (int64_t k = 0; k < 70; ++k)
    identity[k * 71] = 1;
  GroupedScheme scheme{4, 32, true};
  auto result = gptqQuantize(pool, problem.view(), identity, scheme);
  auto nearest = rtnQuantize(pool, problem.view(), scheme);
  ASSERT_TRUE(result && nearest);
  EXPECT_EQ(result->matrix.codes, nearest->codes);
  EXPECT_EQ(result->matrix.scales, nearest->scales);
}

TEST(Gptq, DeadColumnsBecomeZero) {
  ThreadPool pool(1);
  Problem problem(3, 16);
  for (int64_t k = 0; k < 16; ++k)
    problem.hessian[5 * 16 + k] = problem.hessian[k * 16 + 5] = 0;
  auto result =
      gptqQuantize(pool, problem.view(), problem.hessian, {4, 8, false});
  ASSERT_TRUE(result);
  for (int64_t row = 0; row < 3; ++row) {
    std::vector<float> values(16);
    result->matrix.dequantizeRow(row, values.data());
    EXPECT_EQ(values[5], 0);
  }
}

TEST(Gptq, TakesASingularHessianAndSingleRowsAndColumns) {
  ThreadPool pool(2);
  Problem problem(1, 24);
  std::vector<double> rankOne(24 * 24, 1);
  GptqOptions undamped;
  undamped.damp = 0;
  auto result =
      gptqQuantize(pool, problem.view(), rankOne, {4, -1, false}, undamped);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_GT(result->dampingRaised, 0);
  std::vector<double> one = {2};
  EXPECT_TRUE(gptqQuantize(pool, {problem.weights.data(), 24, 1}, one,
                           {4, 128, false}));
}

TEST(Gptq, UsesAForeignGrid) {
  // Q4_0's own rule: the signed extreme lies on code 0, so scales may be
  // negative.
  ThreadPool pool(1);
  Problem problem(4, 64);
  GptqOptions options;
  options.gridFinder = [](std::span<const float> group) -> Result<GroupGrid> {
    float extreme = 0;
    for (float value : group)
      if (std::fabs(value) > std::fabs(extreme))
        extreme = value;
    return GroupGrid{f32ToF16(extreme / -8), 8};
  };
  auto result = gptqQuantize(pool, problem.view(), problem.hessian,
                             {4, 32, true}, options);
  ASSERT_TRUE(result) << result.error().message;
  bool negative = false;
  for (uint16_t scale : result->matrix.scales)
    negative |= f16ToF32(scale) < 0;
  EXPECT_TRUE(negative);
}

TEST(Quantizers, NameTheWeightThatIsNotFinite) {
  ThreadPool pool(2);
  Problem problem(4, 8);
  problem.weights[2 * 8 + 3] = std::numeric_limits<float>::quiet_NaN();
  auto nearest = rtnQuantize(pool, problem.view(), {4, 4, false});
  auto corrected =
      gptqQuantize(pool, problem.view(), problem.hessian, {4, 4, false});
  ASSERT_FALSE(nearest || corrected);
  EXPECT_EQ(nearest.error().message, "weight [2, 3] is nan");
  EXPECT_EQ(corrected.error().message, "weight [2, 3] is nan");
}
