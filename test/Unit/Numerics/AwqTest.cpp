#include "qopt/Numerics/Awq.h"
#include "NumericsTesting.h"
#include "qopt/Numerics/ErrorMetrics.h"
#include "qopt/Numerics/Rtn.h"
#include "qopt/Numerics/WeightView.h"

#include <gtest/gtest.h>
#include <limits>

using namespace qopt;
using namespace qopt::testing;

TEST(Awq, ScalesArePowersOfActivationsAroundOne) {
  const std::vector<double> activation = {4, 1, 0, 0.25};
  const std::vector<float> scales = awqScales(activation, {}, 0.5);
  // 2, 1, –, 1/2 over √(2 · 1/2) = 1; a dead channel is left alone.
  EXPECT_EQ(scales, (std::vector<float>{2, 1, 1, 0.5}));
  EXPECT_EQ(awqScales(activation, {}, 0), std::vector<float>(4, 1));
  // Divided by weight^(1/2): 2/2, 1/1, –, 0.5/0.5, but for the 1e-4.
  const std::vector<double> weight = {4, 1, 1, 0.25};
  for (float scale : awqScales(activation, weight, 0.5))
    EXPECT_NEAR(scale, 1, 2e-4);
}

TEST(Awq, SearchKeepsTheSmallestLossAndNoScalesWithoutGain) {
  const std::vector<double> activation = {4, 1};
  // Best where s₀ / s₁ = 4^α is 2.
  auto nearTwo = [](std::span<const float> s) -> Result<double> {
    return std::fabs(s[0] / s[1] - 2);
  };
  auto best = searchAwqScales(activation, {}, {.grid = 20}, nearTwo);
  ASSERT_TRUE(best);
  EXPECT_DOUBLE_EQ(best->alpha, 0.5);
  EXPECT_DOUBLE_EQ(best->unscaledLoss, 1);
  EXPECT_NEAR(best->loss, 0, 1e-6);
  int tried = 0;
  auto flat = [&](std::span<const float>) -> Result<double> {
    ++tried;
    return 1;
  };
  auto none = searchAwqScales(activation, {}, {.grid = 20}, flat);
  ASSERT_TRUE(none);
  EXPECT_EQ(tried, 21) << "0 to 1 in steps of a twentieth";
  EXPECT_EQ(none->scales, std::vector<float>(2, 1));
  auto failing = [](std::span<const float>) -> Result<double> {
    return badInput("no");
  };
  EXPECT_FALSE(searchAwqScales(activation, {}, {}, failing));
}

TEST(Awq, RoundingScaledWeightsIsRoundingAndUndoing) {
  ThreadPool pool(2);
  const GroupedScheme scheme{3, 8, false};
  std::vector<float> w = randomValues(5 * 20, 1), scales = randomValues(20, 2);
  for (float &scale : scales)
    scale = 1.5f + scale;
  std::vector<float> scaled(w.size());
  for (size_t i = 0; i < w.size(); ++i)
    scaled[i] = w[i] * scales[i % 20];
  auto codes = rtnQuantize(pool, {scaled.data(), 5, 20}, scheme);
  ASSERT_TRUE(codes);
  ASSERT_TRUE(
      roundScaled(pool, groupedRounder(scheme), scales, {w.data(), 5, 20}));
  std::vector<float> row(20);
  for (int64_t r = 0; r < 5; ++r) {
    codes->dequantizeRow(r, row.data());
    for (int64_t k = 0; k < 20; ++k)
      EXPECT_FLOAT_EQ(w[r * 20 + k], row[k] / scales[k]);
  }
}

TEST(Awq, GgufRoundingIsEncodingAndDecoding) {
  ThreadPool pool(2);
  const FormatRow &format = *findFormat(GgufType::Q4_K);
  std::vector<float> w = randomValues(3 * 512, 5), expected(w.size());
  std::vector<uint8_t> blocks(3 * format.rowBytes(512));
  format.encodeRows(w.data(), nullptr, blocks.data(), 3, 512);
  format.decode(blocks.data(), expected.data(), 3 * 512);
  ASSERT_TRUE(ggufRounder(format)(pool, {w.data(), 3, 512}));
  EXPECT_EQ(w, expected);
}

TEST(Awq, OutputErrorIsHalfTheProxyLoss) {
  ThreadPool pool(2);
  std::vector<float> error = randomValues(7 * 24, 1), zero(7 * 24);
  std::vector<double> h = naiveHessian(correlatedInputs(99, 24, 2), 24);
  std::vector<float> narrow(h.begin(), h.end());
  const double expected = proxyLoss(pool, {error.data(), 7, 24},
                                    {zero.data(), 7, 24}, {h.data(), 24, 24});
  EXPECT_NEAR(outputError(pool, {error.data(), 7, 24}, {narrow.data(), 24, 24}),
              expected / 2, 1e-5 * expected);
}

TEST(Awq, EveryClipIsTheBestOfItsGroup) {
  ThreadPool pool(2);
  const int64_t rows = 6, columns = 40;
  std::vector<float> w = randomValues(rows * columns, 3);
  for (int64_t r = 0; r < rows; ++r)
    w[r * columns + 3 * r] *= 4; // something that is worth clipping
  std::vector<double> h =
      naiveHessian(correlatedInputs(200, columns, 4), columns);
  std::vector<float> hessian(h.begin(), h.end());
  for (GroupedScheme scheme :
       {GroupedScheme{3, 16, false}, GroupedScheme{2, -1, false},
        GroupedScheme{3, 12, true}}) {
    auto steps = searchClips(pool, {w.data(), rows, columns},
                             {hessian.data(), columns, columns}, scheme);
    ASSERT_TRUE(steps);
    const int64_t groups = scheme.groups(columns);
    ASSERT_EQ(int64_t(steps->size()), rows * groups);
    int64_t clipped = 0;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t g = 0; g < groups; ++g) {
        const int64_t begin = g * scheme.groupLength(columns);
        const int64_t end =
            std::min(columns, begin + scheme.groupLength(columns));
        double chosen = -1, best = std::numeric_limits<double>::infinity();
        for (int step = 0; step < 10; ++step) {
          std::vector<float> group(w.begin() + r * columns + begin,
                                   w.begin() + r * columns + end);
          std::vector<float> narrowed = group;
          clipGroup(uint8_t(step), narrowed);
          const GroupGrid grid = *findGrid(narrowed, scheme);
          double loss = 0;
          for (int64_t i = begin; i < end; ++i)
            for (int64_t j = begin; j < end; ++j) {
              auto error = [&](int64_t k) {
                return double(grid.decode(grid.encode(narrowed[k - begin],
                                                      scheme.maxCode()))) -
                       group[k - begin];
              };
              loss += error(i) * h[i * columns + j] * error(j);
            }
          best = std::min(best, loss);
          if (step == (*steps)[r * groups + g])
            chosen = loss;
        }
        EXPECT_LE(chosen, best * (1 + 1e-4) + 1e-9);
        clipped += (*steps)[r * groups + g] > 0;
      }
    EXPECT_GT(clipped, 0);
  }
}
