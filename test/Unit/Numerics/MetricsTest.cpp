#include "NumericsTesting.h"
#include "qopt/Numerics/ErrorMetrics.h"
#include "qopt/Numerics/Sampler.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::testing;

TEST(Metrics, LikelihoodOfKnownDistributions) {
  std::vector<float> logits = {std::log(1.f), std::log(2.f), std::log(5.f)};
  EXPECT_NEAR(negativeLogLikelihood(logits, 2), -std::log(5. / 8), 1e-7);
  for (float &value : logits)
    value += 1e4f; // a common shift changes nothing but the rounding of inputs
  EXPECT_NEAR(negativeLogLikelihood(logits, 2), -std::log(5. / 8), 2e-3);
}

TEST(Metrics, DivergenceIsZeroOnlyForEqualDistributions) {
  std::vector<float> p = {std::log(1.f), std::log(3.f)};
  std::vector<float> q = {std::log(3.f), std::log(1.f)};
  EXPECT_NEAR(klDivergence(p, p), 0, 1e-15);
  EXPECT_NEAR(klDivergence(p, q), 0.5 * std::log(3.), 1e-7);
  std::vector<float> certain = {1000, -1000};
  EXPECT_NEAR(klDivergence(certain, q), std::log(4. / 3), 1e-7);
}

TEST(Metrics, RowsAgreeWithSingleCalls) {
  ThreadPool pool(2);
  auto p = randomValues(20 * 9, 1), q = randomValues(20 * 9, 2);
  std::vector<int32_t> targets(20, 4);
  auto likelihoods = negativeLogLikelihoods(pool, {p.data(), 20, 9}, targets);
  auto divergences = klDivergences(pool, {p.data(), 20, 9}, {q.data(), 20, 9});
  int64_t same = 0;
  for (int row = 0; row < 20; ++row) {
    std::span<const float> a(p.data() + row * 9, 9), b(q.data() + row * 9, 9);
    EXPECT_EQ(likelihoods[row], negativeLogLikelihood(a, 4));
    EXPECT_EQ(divergences[row], klDivergence(a, b));
    same += argmax(a) == argmax(b);
  }
  EXPECT_EQ(countTop1Agreement(pool, {p.data(), 20, 9}, {q.data(), 20, 9}),
            same);
}

TEST(Metrics, MeanAndNearestRankQuantile) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i)
    values.push_back(i);
  EXPECT_EQ(mean(values), 50.5);
  EXPECT_EQ(quantile(values, 0.99), 99);
  EXPECT_EQ(quantile(values, 1), 100);
  EXPECT_EQ(quantile(values, 0), 1);
  EXPECT_EQ(quantile({}, 0.5), 0);
  EXPECT_EQ(argmax(std::vector<float>{1, 3, 3}), 1);
}

TEST(Random, IsSplitMix64) {
  Random random(0); // the first outputs of the published generator
  EXPECT_EQ(random.next(), 0xe220a8397b1dcdafu);
  EXPECT_EQ(random.next(), 0x6e789e6aa1b965f4u);
  EXPECT_EQ(random.next(), 0x06c45d188009454fu);
}

TEST(Sampler, GreedyTakesTheFirstOfTheLargest) {
  Sampler sampler({});
  EXPECT_EQ(sampler.sample(std::vector<float>{0, 2, 1, 2}), 1);
}

TEST(Sampler, DrawsInProportionAndRepeatably) {
  std::vector<float> logits = {std::log(1.f), std::log(2.f), std::log(7.f)};
  Sampler first({1, 1, 42}), second({1, 1, 42});
  int counts[3] = {};
  for (int i = 0; i < 20000; ++i) {
    const int32_t token = first.sample(logits);
    ASSERT_EQ(token, second.sample(logits));
    ++counts[token];
  }
  EXPECT_NEAR(counts[0], 2000, 250);
  EXPECT_NEAR(counts[1], 4000, 300);
  EXPECT_NEAR(counts[2], 14000, 350);
}

TEST(Sampler, NucleusKeepsTheLikeliestOnly) {
  std::vector<float> logits = {std::log(1.f), std::log(7.f), std::log(2.f)};
  Sampler most({1, 0.65, 1}), two({1, 0.85, 1});
  bool sawSecond = false;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(most.sample(logits), 1);
    const int32_t token = two.sample(logits);
    EXPECT_NE(token, 0);
    sawSecond |= token == 2;
  }
  EXPECT_TRUE(sawSecond);
}
