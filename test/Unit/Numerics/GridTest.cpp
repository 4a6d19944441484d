#include "qopt/Numerics/Grid.h"
#include "NumericsTesting.h"
#include "qopt/Numerics/Rtn.h"

#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::testing;

TEST(Grid, AsymmetricRangesIncludeZero) {
  std::vector<float> positive = {1, 2, 15};
  auto grid = findGrid(positive, {4, -1, false});
  ASSERT_TRUE(grid);
  EXPECT_EQ(grid->scale(), 1);
  EXPECT_EQ(grid->zero, 0);
  std::vector<float> mixed = {-5, 10};
  grid = findGrid(mixed, {4, -1, false});
  EXPECT_EQ(grid->zero, 5);
  EXPECT_EQ(grid->encode(-5, 15), 0);
  EXPECT_EQ(grid->encode(10, 15), 15);
}

TEST(Grid, SymmetricSpansTwiceTheLargestMagnitude) {
  std::vector<float> values = {-7.5f, 3};
  auto grid = findGrid(values, {4, -1, true});
  EXPECT_EQ(grid->scale(), 1);
  EXPECT_EQ(grid->zero, 8);
  EXPECT_EQ(grid->encode(-7.5f, 15), 0);
  EXPECT_EQ(grid->encode(7.5f, 15), 15) << "clamped";
  EXPECT_EQ(grid->encode(0.5f, 15), 8) << "ties to even";
  EXPECT_EQ(grid->encode(1.5f, 15), 10) << "ties to even";
}

TEST(Grid, ZeroAndTinyRangesUseTheSmallestHalf) {
  for (float value : {0.f, 1e-12f}) {
    std::vector<float> values(8, value);
    auto grid = findGrid(values, {4, -1, false});
    ASSERT_TRUE(grid);
    EXPECT_EQ(grid->scaleBits, 1);
    EXPECT_EQ(grid->decode(grid->encode(value, 15)), 0);
  }
}

TEST(Grid, RefusesRangesBeyondAnF16Scale) {
  std::vector<float> large = {3e6f, -3e38f};
  EXPECT_FALSE(findGrid(large, {4, -1, false}));
  EXPECT_FALSE(findGrid(large, {4, -1, true}));
  ThreadPool pool(2);
  std::vector<float> weights(3 * 8, 1);
  weights[2 * 8 + 5] = 1e7f;
  auto result = rtnQuantize(pool, {weights.data(), 3, 8}, {4, 4, false});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message.find("row 2, group 1: "), 0u);
}

TEST(Grid, SearchNeverLosesToTheFullRange) {
  auto weights = randomValues(64, 3);
  weights[10] = 2; // an outlier that is worth clipping at two bits
  GroupedScheme scheme{2, -1, false};
  auto full = findGrid(weights, scheme),
       shrunk = findGrid(weights, scheme, {true});
  auto loss = [&](const GroupGrid &grid) {
    double sum = 0;
    for (float w : weights)
      sum += std::pow(std::fabs(w - grid.decode(grid.encode(w, 3))), 2.4);
    return sum;
  };
  EXPECT_LT(loss(*shrunk), loss(*full));
}

TEST(Rtn, EveryCodeIsTheNearestGridPoint) {
  ThreadPool pool(2);
  const int64_t rows = 35, columns = 50;
  auto weights = randomValues(rows * columns, 8);
  for (int bits = 2; bits <= 8; ++bits)
    for (int64_t group : {int64_t(-1), int64_t(32), int64_t(7)}) {
      GroupedScheme scheme{bits, group, bits % 2 == 0};
      auto result = rtnQuantize(pool, {weights.data(), rows, columns}, scheme);
      ASSERT_TRUE(result);
      const int64_t length = scheme.groupLength(columns);
      for (int64_t i = 0; i < rows * columns; ++i) {
        const int64_t row = i / columns, g = i % columns / length;
        const float scale =
            f16ToF32(result->scales[row * result->groups() + g]);
        const int zero = result->zero(row, g);
        double best = 1e30;
        for (int q = 0; q <= scheme.maxCode(); ++q)
          best = std::min(best,
                          std::fabs(weights[i] - double(scale) * (q - zero)));
        const double got =
            std::fabs(weights[i] - double(scale) * (result->codes[i] - zero));
        ASSERT_NEAR(got, best, 1e-6);
      }
    }
}

TEST(Rtn, RefusesImpossibleSchemes) {
  ThreadPool pool(1);
  float weight = 1;
  EXPECT_FALSE(rtnQuantize(pool, {&weight, 1, 1}, {1, 32, false}));
  EXPECT_FALSE(rtnQuantize(pool, {&weight, 1, 1}, {9, 32, false}));
  EXPECT_FALSE(rtnQuantize(pool, {&weight, 1, 1}, {4, 0, false}));
  EXPECT_FALSE(rtnQuantize(pool, {&weight, 1, 0}, {4, -1, false}));
}
