#include "qopt/Numerics/GptqBlocks.h"
#include "NumericsTesting.h"
#include "qopt/Numerics/GgufEncode.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

using namespace qopt;
using namespace qopt::testing;

namespace {
struct Problem {
  int64_t rows, columns;
  std::vector<float> weights;
  std::vector<double> hessian;

  Problem(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), weights(randomValues(rows * columns, 1)),
        hessian(
            naiveHessian(correlatedInputs(2 * columns, columns, 2), columns)) {
    for (float &weight : weights) // heavy tails
      weight = 0.1f * weight * weight * weight;
  }
  ConstMatrix view() const { return {weights.data(), rows, columns}; }

  Result<GptqBlocksResult> quantize(const ComputeContext &context,
                                    const FormatRow &format,
                                    GptqBlocksOptions options = {}) const {
    QOPT_ASSIGN(GptqBlocksFactor factor,
                GptqBlocksFactor::create(context, hessian, columns,
                                         *findBlockGrid(format.type), options));
    return gptqQuantizeBlocks(context, view(), factor, format, options);
  }

  /// tr(E H Eᵀ) with λ on the diagonal, by definition.
  double loss(const FormatRow &format, const std::vector<uint8_t> &blocks,
              double damping) const {
    std::vector<float> numbers(weights.size());
    format.decode(blocks.data(), numbers.data(), numbers.size());
    double sum = 0;
    for (int64_t row = 0; row < rows; ++row) {
      std::vector<double> error(columns);
      for (int64_t k = 0; k < columns; ++k)
        error[k] = weights[row * columns + k] - numbers[row * columns + k];
      for (int64_t i = 0; i < columns; ++i) {
        double product = damping * error[i];
        for (int64_t j = 0; j < columns; ++j)
          product += hessian[i * columns + j] * error[j];
        sum += error[i] * product;
      }
    }
    return sum;
  }

  double damping() const {
    double trace = 0;
    for (int64_t k = 0; k < columns; ++k)
      trace += hessian[k * columns + k];
    return 0.01 * trace / columns;
  }

  std::vector<uint8_t> encoded(const FormatRow &format, bool weighted) const {
    ThreadPool pool(1);
    std::vector<float> importance;
    for (int64_t k = 0; k < columns && weighted; ++k)
      importance.push_back(float(hessian[k * columns + k]));
    return *encodeBlocks(
        format, rows, columns,
        [&](int64_t first, MutableMatrix target) -> Status {
          std::memcpy(target.data, weights.data() + first * columns,
                      target.rows * columns * sizeof(float));
          return {};
        },
        pool, importance);
  }
};

std::vector<const FormatRow *> gridFormats() {
  std::vector<const FormatRow *> formats;
  for (const FormatRow &format : formatTable())
    if (findBlockGrid(format.type))
      formats.push_back(&format);
  return formats;
}
} // namespace

TEST(GptqBlocks, IsBetterThanEncodingAndSaysByHowMuch) {
  ThreadPool pool(2);
  Problem problem(20, 512);
  for (const FormatRow *format : gridFormats()) {
    auto result = problem.quantize(pool, *format);
    ASSERT_TRUE(result) << result.error().message;
    const double damping = problem.damping();
    const double loss = problem.loss(*format, result->blocks, damping);
    EXPECT_NEAR(result->proxyLoss, loss, 1e-2 * loss) << format->name;
    for (bool weighted : {false, true}) {
      const double plain =
          problem.loss(*format, problem.encoded(*format, weighted), damping);
      EXPECT_LT(loss, 0.8 * plain) << format->name;
    }
  }
}

TEST(GptqBlocks, EveryRoundOfDescentIsAGain) {
  ThreadPool pool(2);
  Problem problem(20, 512);
  for (GgufType type : {GgufType::Q2_K, GgufType::Q3_K, GgufType::Q4_K,
                        GgufType::IQ4_XS, GgufType::Q4_0, GgufType::Q4_1}) {
    const FormatRow &format = *findFormat(type);
    double before = std::numeric_limits<double>::infinity();
    for (int rounds : {0, 1, 3}) {
      GptqBlocksOptions options;
      options.rounds = rounds;
      auto result = problem.quantize(pool, format, options);
      ASSERT_TRUE(result);
      EXPECT_LT(result->proxyLoss, before) << format.name << ", " << rounds;
      before = result->proxyLoss;
    }
  }
}

TEST(GptqBlocks, IsTheSameForAnyNumberOfThreads) {
  Problem problem(70, 512);
  for (Isa isa : supportedIsas())
    for (GgufType type : {GgufType::Q4_K, GgufType::IQ4_XS}) {
      GptqBlocksResult results[3];
      for (unsigned threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        auto result = problem.quantize({pool, isa}, *findFormat(type));
        ASSERT_TRUE(result);
        results[threads - 1] = *result;
      }
      for (int other : {1, 2}) {
        EXPECT_EQ(results[0].blocks, results[other].blocks);
        EXPECT_EQ(results[0].proxyLoss, results[other].proxyLoss);
      }
    }
}

TEST(GptqBlocks, TakesRowsThatAreNotWholeSpansAndSingleRows) {
  ThreadPool pool(1);
  for (int64_t columns : {32, 288}) {
    Problem problem(1, columns);
    const FormatRow &format = *findFormat(GgufType::Q4_0);
    auto result = problem.quantize(pool, format);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(int64_t(result->blocks.size()), format.rowBytes(columns));
    EXPECT_LT(problem.loss(format, result->blocks, problem.damping()),
              problem.loss(format, problem.encoded(format, false),
                           problem.damping()));
  }
}

TEST(GptqBlocks, WeightsOfDeadInputsAreKept) {
  ThreadPool pool(1);
  Problem problem(3, 256);
  for (int64_t k = 0; k < 256; ++k)
    problem.hessian[5 * 256 + k] = problem.hessian[k * 256 + 5] = 0;
  problem.weights[5] = 0.1f;
  const FormatRow &format = *findFormat(GgufType::Q6_K);
  auto result = problem.quantize(pool, format);
  ASSERT_TRUE(result);
  std::vector<float> numbers(3 * 256);
  format.decode(result->blocks.data(), numbers.data(), numbers.size());
  EXPECT_NEAR(numbers[5], 0.1f, 0.02f);
}

TEST(GptqBlocks, TakesZerosAndASingularHessianAndScalesBeyondF16) {
  ThreadPool pool(2);
  Problem problem(2, 256);
  std::fill(problem.hessian.begin(), problem.hessian.end(), 1.0);
  for (GgufType type : {GgufType::Q2_K, GgufType::Q6_K, GgufType::IQ4_XS}) {
    const FormatRow &format = *findFormat(type);
    for (float factor : {0.f, 1e-30f, 1e-6f, 1e7f}) {
      Problem scaled = problem;
      for (float &weight : scaled.weights)
        weight *= factor;
      auto result = scaled.quantize(pool, format);
      ASSERT_TRUE(result) << result.error().message;
      std::vector<float> numbers(2 * 256);
      format.decode(result->blocks.data(), numbers.data(), numbers.size());
      for (float number : numbers)
        ASSERT_TRUE(std::isfinite(number)) << format.name << " x " << factor;
      if (factor == 0)
        EXPECT_EQ(numbers, std::vector<float>(2 * 256));
    }
  }
}

TEST(GptqBlocks, SaysWhatItCannotTake) {
  ThreadPool pool(1);
  Problem problem(2, 256);
  const FormatRow &format = *findFormat(GgufType::Q4_K);
  Problem broken = problem;
  broken.weights[256 + 3] = std::numeric_limits<float>::quiet_NaN();
  auto result = broken.quantize(pool, format);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("[1, 3]"), std::string::npos);
  broken = problem;
  broken.hessian[7 * 257] = -1;
  EXPECT_FALSE(broken.quantize(pool, format));
  broken = problem;
  broken.hessian[7 * 256 + 9] = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(broken.quantize(pool, format));
  Problem narrow(2, 96);
  auto refused = narrow.quantize(pool, format);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("not whole blocks of 256"),
            std::string::npos);
}

TEST(GptqBlocks, ATableIsSearchedMoreCloselyThanItsEncoderDoes) {
  ThreadPool pool(2);
  Problem problem(20, 512);
  std::fill(problem.hessian.begin(), problem.hessian.end(), 0.0);
  for (int64_t k = 0; k < 512; ++k)
    problem.hessian[k * 513] = 1;
  for (const FormatRow *format : gridFormats()) {
    auto result = quantizeTable(pool, problem.view(), *format);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_LT(problem.loss(*format, result->blocks, 0),
              problem.loss(*format, problem.encoded(*format, false), 0))
        << format->name;
  }
}
