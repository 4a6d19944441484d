#include "qopt/Numerics/Ops.h"
#include "NumericsTesting.h"
#include "qopt/Numerics/RopeScaling.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace qopt;
using namespace qopt::testing;

TEST(Ops, RmsNormOverConsecutiveRuns) {
  ThreadPool pool(2);
  auto x = randomValues(3 * 8, 1), weight = randomValues(4, 2), y = x;
  rmsNorm(pool, x, weight, 1e-5f, y);
  for (int run = 0; run < 6; ++run) {
    double squares = 0;
    for (int i = 0; i < 4; ++i)
      squares += std::pow(double(x[run * 4 + i]), 2);
    for (int i = 0; i < 4; ++i)
      EXPECT_NEAR(y[run * 4 + i],
                  x[run * 4 + i] / std::sqrt(squares / 4 + 1e-5) * weight[i],
                  1e-6);
  }
}

TEST(Ops, LayerNormOverConsecutiveRuns) {
  ThreadPool pool(2);
  auto x = randomValues(3 * 8, 1), weight = randomValues(4, 2),
       bias = randomValues(4, 3), y = x, plain = x;
  for (float &value : x)
    value += 100; // more than the deviation
  layerNorm(pool, x, weight, bias, 1e-5f, y);
  layerNorm(pool, x, weight, {}, 1e-5f, plain);
  for (int run = 0; run < 6; ++run) {
    double mean = 0, variance = 0;
    for (int i = 0; i < 4; ++i)
      mean += x[run * 4 + i] / 4.;
    for (int i = 0; i < 4; ++i)
      variance += std::pow(x[run * 4 + i] - mean, 2) / 4;
    for (int i = 0; i < 4; ++i) {
      const double expected =
          (x[run * 4 + i] - mean) / std::sqrt(variance + 1e-5) * weight[i];
      EXPECT_NEAR(plain[run * 4 + i], expected, 1e-5);
      EXPECT_NEAR(y[run * 4 + i], expected + bias[i], 1e-5);
    }
  }
}

TEST(Ops, RopeRotatesHalvesAndLeavesTheRest) {
  ThreadPool pool(2);
  const int64_t headDim = 10, heads = 2;
  auto frequencies = ropeFrequencies(8, 10000);
  std::vector<int32_t> positions = {0, 7, 4095};
  auto x = randomValues(3 * heads * headDim, 1), y = x;
  rope(pool, {y.data(), 3, heads * headDim}, headDim, positions, frequencies);
  for (int64_t t = 0; t < 3; ++t)
    for (int64_t h = 0; h < heads; ++h) {
      const float *from = &x[(t * heads + h) * headDim];
      const float *to = &y[(t * heads + h) * headDim];
      for (int64_t i = 0; i < 4; ++i) {
        const double angle = positions[t] * std::pow(10000., -2. * i / 8);
        EXPECT_NEAR(to[i], from[i] * cos(angle) - from[i + 4] * sin(angle),
                    1e-3);
        EXPECT_NEAR(to[i + 4], from[i + 4] * cos(angle) + from[i] * sin(angle),
                    1e-3);
      }
      EXPECT_EQ(to[8], from[8]);
      EXPECT_EQ(to[9], from[9]);
    }
}

TEST(Ops, InterleavedRopeRotatesNeighbours) {
  ThreadPool pool(1);
  std::vector<float> halves = {1, 2, 3, 4}, neighbours = {1, 3, 2, 4};
  std::vector<int32_t> position = {3};
  auto frequencies = ropeFrequencies(4, 100);
  rope(pool, {halves.data(), 1, 4}, 4, position, frequencies);
  rope(pool, {neighbours.data(), 1, 4}, 4, position, frequencies, true);
  EXPECT_EQ(neighbours,
            (std::vector<float>{halves[0], halves[2], halves[1], halves[3]}));
}

TEST(Ops, RopeScalingStretchesLowFrequencies) {
  RopeScaling linear{RopeScaling::Kind::Linear, 4};
  auto plain = ropeFrequencies(128, 500000);
  auto quarter = ropeFrequencies(128, 500000, linear);
  RopeScaling llama3{RopeScaling::Kind::Llama3, 8, 1, 4, 8192};
  auto scaled = ropeFrequencies(128, 500000, llama3);
  EXPECT_EQ(plain[0], 1);
  EXPECT_EQ(scaled[0], 1) << "8192 / 2π turns: kept";
  EXPECT_FLOAT_EQ(scaled[63], plain[63] / 8) << "less than one turn";
  for (int i = 0; i < 64; ++i) {
    EXPECT_FLOAT_EQ(quarter[i], plain[i] / 4);
    const double turns = 8192 * double(plain[i]) / (2 * M_PI);
    if (turns > 1 && turns < 4) {
      const double smooth = (turns - 1) / 3;
      EXPECT_NEAR(scaled[i] / plain[i], (1 - smooth) / 8 + smooth, 1e-5);
    }
  }
}

namespace {
struct AttentionCase {
  int64_t queries, keys, heads, kvHeads, window;
};
} // namespace

TEST(Ops, YarnKeepsWhatTurnsOften) {
  // 64 channels, base 10000, context 4096: pairs that turn 32 times and once
  // are 64 ln(4096 / (2π · turns)) / (2 ln 10000) = 10.46 and 22.51; rounded
  // outwards, the ramp runs from 10 to 23.
  RopeScaling yarn{.kind = RopeScaling::Kind::Yarn, .factor = 4};
  yarn.originalContext = 4096;
  auto plain = ropeFrequencies(64, 10000);
  auto scaled = ropeFrequencies(64, 10000, yarn);
  for (int i = 0; i < 32; ++i) {
    double share = i <= 10 ? 1 : i >= 23 ? 0 : (23. - i) / 13;
    EXPECT_NEAR(scaled[i] / plain[i], share + (1 - share) / 4, 1e-6) << i;
  }
}

TEST(Ops, LongRopeDividesEveryFrequency) {
  RopeScaling scaling{.kind = RopeScaling::Kind::LongRope};
  scaling.shortFactors = {1, 2};
  scaling.longFactors = {3, 8};
  auto plain = ropeFrequencies(4, 100);
  auto within = ropeFrequencies(4, 100, scaling);
  auto beyond = ropeFrequencies(4, 100, scaling, RopeLength::Long);
  for (int i = 0; i < 2; ++i) {
    EXPECT_FLOAT_EQ(within[i], plain[i] / float(scaling.shortFactors[i]));
    EXPECT_FLOAT_EQ(beyond[i], plain[i] / float(scaling.longFactors[i]));
  }
}

TEST(Ops, MagnitudeMultipliesWhatIsRotated) {
  ThreadPool pool(1);
  auto frequencies = ropeFrequencies(4, 100);
  std::vector<float> once = {1, 2, 3, 4, 5, 6}, twice = once;
  std::vector<int32_t> position = {3};
  rope(pool, {once.data(), 1, 6}, 6, position, frequencies);
  rope(pool, {twice.data(), 1, 6}, 6, position, frequencies, false, 2);
  for (int i = 0; i < 6; ++i)
    EXPECT_FLOAT_EQ(twice[i], i < 4 ? 2 * once[i] : once[i]);
}

TEST(Ops, SoftcapAndNormOffset) {
  ThreadPool pool(2);
  std::vector<float> x = {-1000, -3, 0, 1e-3f, 3, 1000}, y = x;
  softcap(pool, 5, x, y);
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_NEAR(y[i], 5 * std::tanh(double(x[i]) / 5), 1e-6);
  std::vector<float> weight = {0.5f, -0.25f, 0}, more = {1.5f, 0.75f, 1}, z = x;
  rmsNorm(pool, x, weight, 1e-5f, y, 1);
  rmsNorm(pool, x, more, 1e-5f, z);
  EXPECT_EQ(y, z);
}

TEST(Ops, AttentionMatchesTheDefinition) {
  const int64_t dim = 12;
  for (auto [queries, keys, heads, kvHeads, window] :
       {AttentionCase{1, 1, 1, 1, 0},
        {1, 40, 4, 2, 0},
        {40, 40, 4, 4, 0},
        {37, 50, 6, 2, 0},
        {70, 90, 2, 1, 9},
        {1, 30, 2, 2, 5}})
    for (Isa isa : supportedIsas()) {
      auto q = randomValues(queries * heads * dim, 1);
      auto k = randomValues(keys * kvHeads * dim, 2);
      auto v = randomValues(keys * kvHeads * dim, 3);
      const float cap = window ? 0.5f : 0;
      AttentionShape shape{heads, kvHeads, dim, 0.7f, window, cap};
      std::vector<float> results[3];
      for (unsigned threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        results[threads - 1].resize(q.size());
        attention({pool, isa}, {q.data(), queries, heads * dim},
                  {k.data(), keys, kvHeads * dim},
                  {v.data(), keys, kvHeads * dim}, shape,
                  {results[threads - 1].data(), queries, heads * dim});
      }
      EXPECT_EQ(results[0], results[1]);
      EXPECT_EQ(results[0], results[2]);
      for (int64_t t = 0; t < queries; ++t)
        for (int64_t h = 0; h < heads; ++h) {
          const int64_t kvHead = h * kvHeads / heads;
          const int64_t last = keys - queries + t;
          const int64_t first =
              window ? std::max<int64_t>(0, last - window + 1) : 0;
          std::vector<double> y(dim);
          double sum = 0;
          for (int64_t s = first; s <= last; ++s) {
            double score = 0;
            for (int64_t i = 0; i < dim; ++i)
              score += double(q[(t * heads + h) * dim + i]) *
                       k[(s * kvHeads + kvHead) * dim + i];
            score *= 0.7;
            if (cap > 0)
              score = cap * std::tanh(score / cap);
            const double mass = std::exp(score);
            sum += mass;
            for (int64_t i = 0; i < dim; ++i)
              y[i] += mass * v[(s * kvHeads + kvHead) * dim + i];
          }
          for (int64_t i = 0; i < dim; ++i)
            ASSERT_NEAR(results[0][(t * heads + h) * dim + i], y[i] / sum, 2e-6)
                << isaName(isa) << " query " << t << " head " << h;
        }
    }
}

TEST(Ops, ActivationsMatchTheirFormulasOverTheWholeRange) {
  ThreadPool pool(2);
  std::vector<float> x;
  for (float value = -30; value < 30; value += 0.0137f)
    x.push_back(value);
  std::vector<float> up(x.size(), 3), y(x.size()), gated(x.size());
  for (Isa isa : supportedIsas())
    for (Activation kind :
         {Activation::Silu, Activation::Gelu, Activation::GeluTanh}) {
      activate({pool, isa}, kind, x, y);
      gatedActivation({pool, isa}, kind, x, up, gated);
      for (size_t i = 0; i < x.size(); ++i) {
        const double v = x[i];
        double expected = v / (1 + std::exp(-v));
        if (kind == Activation::Gelu)
          expected = v / 2 * std::erfc(-v / std::sqrt(2));
        if (kind == Activation::GeluTanh)
          expected = v / (1 + std::exp(-2 * std::sqrt(2 / M_PI) *
                                       (v + 0.044715 * v * v * v)));
        // The tails are exponentials of rounded arguments.
        const double tolerance =
            1e-6 * std::fabs(expected) * (1 + v * v + std::fabs(v * v * v)) +
            1e-37;
        ASSERT_NEAR(y[i], expected, std::min(tolerance, 1e-6 * (1 + fabs(v))))
            << v;
        ASSERT_EQ(gated[i], y[i] * 3);
      }
    }
}

TEST(Ops, SoftmaxIsAccurateAndSurvivesExtremes) {
  ThreadPool pool(2);
  for (Isa isa : supportedIsas()) {
    auto x = randomValues(37, 4);
    for (float &value : x)
      value *= 40;
    auto y = x;
    softmax({pool, isa}, {y.data(), 1, 37});
    // The differences from the maximum are rounded to f32; the rest is close to
    // exact.
    const float largest = *std::max_element(x.begin(), x.end());
    double sum = 0;
    for (float value : x)
      sum += std::exp(double(value - largest));
    for (int i = 0; i < 37; ++i) {
      const double expected = std::exp(double(x[i] - largest)) / sum;
      EXPECT_NEAR(y[i], expected, 1e-6 * expected + 1e-37);
    }
    std::vector<float> extreme = {3e38f, -3e38f, 3e38f,
                                  -std::numeric_limits<float>::infinity()};
    softmax({pool, isa}, {extreme.data(), 1, 4});
    EXPECT_EQ(extreme, (std::vector<float>{0.5f, 0, 0.5f, 0}));
  }
}

TEST(Ops, GatherRefusesTokensOutsideTheTable) {
  ThreadPool pool(1);
  std::vector<float> table = {1, 2, 3, 4, 5, 6}, y(4);
  std::vector<int32_t> good = {2, 0}, bad = {0, 3};
  ASSERT_TRUE(gatherRows(pool, {table.data(), 3, 2}, good, {y.data(), 2, 2}));
  EXPECT_EQ(y, (std::vector<float>{5, 6, 1, 2}));
  Status status = gatherRows(pool, {table.data(), 3, 2}, bad, {y.data(), 2, 2});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message,
            "token 3 at position 1 is outside the vocabulary of 3");
}

TEST(Ops, PermutedColumnsStandInTheOrderGiven) {
  ThreadPool pool(2);
  std::vector<float> x = {1, 2, 3, 4, 5, 6}, y(6);
  std::vector<int64_t> order = {2, 0, 1};
  permuteColumns(pool, {x.data(), 2, 3}, order, {y.data(), 2, 3});
  EXPECT_EQ(y, (std::vector<float>{3, 1, 2, 6, 4, 5}));
}

TEST(Ops, AddsElementsAndBiases) {
  ThreadPool pool(2);
  std::vector<float> a = {1, 2, 3, 4}, b = {10, 20, 30, 40}, bias = {5, 6};
  add(pool, a, b, a);
  addBias(pool, bias, {a.data(), 2, 2});
  EXPECT_EQ(a, (std::vector<float>{16, 28, 38, 50}));
}
