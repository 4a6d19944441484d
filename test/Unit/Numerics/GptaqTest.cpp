#include "qopt/Numerics/Gptaq.h"
#include "NumericsTesting.h"
#include "qopt/Numerics/Gptq.h"

#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::testing;

namespace {
struct Inputs {
  int64_t samples = 1500, columns = 12;
  std::vector<float> original = correlatedInputs(samples, columns, 1), present;
  Inputs() : present(original) {
    std::vector<float> noise = randomValues(samples * columns, 3);
    for (size_t i = 0; i < noise.size(); ++i)
      present[i] = 0.8f * original[i] + 0.1f * noise[i];
  }
  ConstMatrix x() const { return {original.data(), samples, columns}; }
  ConstMatrix quantized() const { return {present.data(), samples, columns}; }
};
} // namespace

TEST(Gptaq, CrossMomentsAreThoseOfTheDefinition) {
  ThreadPool pool(2);
  Inputs in;
  CrossAccumulator accumulator(in.columns);
  // In batches of any size.
  for (auto [first, rows] : {std::pair<int64_t, int64_t>(0, 1100), {1100, 400}})
    accumulator.add(pool, in.x().block(first, 0, rows, in.columns),
                    in.quantized().block(first, 0, rows, in.columns));
  std::vector<float> cross = accumulator.finish();
  for (int64_t i = 0; i < in.columns; ++i)
    for (int64_t j = 0; j < in.columns; ++j) {
      double sum = 0;
      for (int64_t s = 0; s < in.samples; ++s)
        sum += (in.x()(s, i) - in.quantized()(s, i)) * in.quantized()(s, j);
      EXPECT_NEAR(cross[i * in.columns + j], 2 * sum / in.samples, 1e-5);
    }
}

/// Σ |Q x̃ − W x|² by definition.
static double outputDistance(const Inputs &in, const std::vector<float> &q,
                             const std::vector<float> &w) {
  const int64_t rows = w.size() / in.columns;
  double sum = 0;
  for (int64_t s = 0; s < in.samples; ++s)
    for (int64_t r = 0; r < rows; ++r) {
      double difference = 0;
      for (int64_t k = 0; k < in.columns; ++k)
        difference += double(q[r * in.columns + k]) * in.quantized()(s, k) -
                      double(w[r * in.columns + k]) * in.x()(s, k);
      sum += difference * difference;
    }
  return sum;
}

TEST(Gptaq, TheShiftedTargetIsTheBestUnroundedWeight) {
  ThreadPool pool(2);
  Inputs in;
  CrossAccumulator accumulator(in.columns);
  accumulator.add(pool, in.x(), in.quantized());
  std::vector<float> cross = accumulator.finish();
  std::vector<double> h = naiveHessian(in.present, in.columns);
  const GroupedScheme scheme{4, 6, false};
  const std::vector<float> w = randomValues(5 * in.columns, 9);
  for (GptqOrder order : {GptqOrder::None, GptqOrder::Act}) {
    GptqOptions options;
    options.damp = 1e-7;
    options.order = order;
    auto factor = gptqFactor(pool, h, in.columns, scheme, options);
    ASSERT_TRUE(factor);
    std::vector<float> shifted = w;
    shiftTarget(pool, {shifted.data(), 5, in.columns}, cross, factor->inverse(),
                1);
    // A minimum: nothing near it is better, and the weights themselves are not.
    const double best = outputDistance(in, shifted, w);
    EXPECT_LT(best, 0.8 * outputDistance(in, w, w));
    for (size_t i = 0; i < shifted.size(); i += 7)
      for (float step : {-0.01f, 0.01f}) {
        std::vector<float> near = shifted;
        near[i] += step;
        EXPECT_GT(outputDistance(in, near, w), best);
      }
    std::vector<float> unshifted = w;
    shiftTarget(pool, {unshifted.data(), 5, in.columns}, cross,
                factor->inverse(), 0);
    EXPECT_EQ(unshifted, w);
  }
}
