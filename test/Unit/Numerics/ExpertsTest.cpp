#include "qopt/Numerics/Experts.h"
#include "NumericsTesting.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace qopt;
using namespace qopt::testing;

TEST(Experts, TheLargestOfASoftmaxStay) {
  ThreadPool pool(2);
  const int64_t tokens = 37, experts = 9, used = 3;
  auto logits = randomValues(tokens * experts, 1);
  for (float &logit : logits)
    logit *= 8;
  for (bool normalize : {false, true}) {
    std::vector<float> weights(logits.size());
    routeTokens(pool, {logits.data(), tokens, experts}, used, normalize,
                {weights.data(), tokens, experts});
    for (int64_t t = 0; t < tokens; ++t) {
      const float *row = &logits[t * experts];
      double total = 0, kept = 0;
      for (int64_t e = 0; e < experts; ++e)
        total += std::exp(double(row[e]));
      auto stays = [&](int64_t e) {
        int64_t larger = 0;
        for (int64_t other = 0; other < experts; ++other)
          larger += row[other] > row[e];
        return larger < used;
      };
      for (int64_t e = 0; e < experts; ++e)
        kept += stays(e) ? std::exp(double(row[e])) : 0;
      for (int64_t e = 0; e < experts; ++e)
        EXPECT_NEAR(weights[t * experts + e],
                    stays(e)
                        ? std::exp(double(row[e])) / (normalize ? kept : total)
                        : 0,
                    1e-6);
    }
  }
}

TEST(Experts, TheFirstOfEqualsStaysAndNoNumberIsNoTrap) {
  ThreadPool pool(1);
  std::vector<float> weights = {2, 2, 2, 2};
  routeTokens(pool, {weights.data(), 1, 4}, 2, true, {weights.data(), 1, 4});
  EXPECT_EQ(weights, (std::vector<float>{0.5, 0.5, 0, 0}));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> damaged = {nan, 1, nan, 0};
  routeTokens(pool, {damaged.data(), 1, 4}, 4, false, {damaged.data(), 1, 4});
  EXPECT_TRUE(std::isnan(damaged[0]));
}

TEST(Experts, CombiningGivesEachTokenItsRows) {
  ThreadPool pool(2);
  // Token 0 goes to experts 0 and 2, token 1 to none, token 2 to expert 2.
  std::vector<float> weights = {0.25f, 0, 2, 0, 0, 0, 0, 0, -1};
  ConstMatrix routing(weights.data(), 3, 3);
  EXPECT_EQ(tokensOfExpert(routing, 0), (std::vector<int64_t>{0}));
  EXPECT_EQ(tokensOfExpert(routing, 1), (std::vector<int64_t>{}));
  EXPECT_EQ(tokensOfExpert(routing, 2), (std::vector<int64_t>{0, 2}));
  std::vector<float> first = {4, 8}, third = {1, 2, 3, 4}, y(6, 7.f);
  std::vector<ConstMatrix> outputs = {
      {first.data(), 1, 2}, {nullptr, 0, 2}, {third.data(), 2, 2}};
  ASSERT_TRUE(combineExperts(pool, routing, outputs, {y.data(), 3, 2}));
  EXPECT_EQ(y, (std::vector<float>{3, 6, 0, 0, -3, -4}));
  outputs[1] = {first.data(), 1, 2};
  auto wrong = combineExperts(pool, routing, outputs, {y.data(), 3, 2});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message,
            "the output of expert 1 is 1x2 instead of 0x2");
}
