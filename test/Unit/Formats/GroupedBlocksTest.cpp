//===- GroupedBlocksTest.cpp - grouped integers as GGUF blocks
//---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/GroupedBlocks.h"
#include "qopt/Formats/Half.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace qopt;

namespace {

GroupedMatrix randomMatrix(GroupedScheme scheme, int64_t rows,
                           int64_t columns) {
  GroupedMatrix matrix(scheme, rows, columns);
  std::mt19937 random(7);
  for (uint8_t &code : matrix.codes)
    code = random() % (scheme.maxCode() + 1);
  for (uint16_t &scale : matrix.scales)
    scale = f32ToF16(0.001f + float(random() % 1000) * 1e-5f);
  for (uint8_t &zero : matrix.zeros)
    zero = random() % (scheme.maxCode() + 1);
  return matrix;
}

/// Decodes both ways; the largest difference between the two.
float largestDifference(const GroupedMatrix &matrix,
                        const GroupedBlocks &packed) {
  const FormatRow *format =
      findFormat(*blockTypeOf(matrix.scheme, matrix.columns));
  std::vector<float> expected(matrix.columns), decoded(matrix.columns);
  float largest = 0;
  for (int64_t row = 0; row < matrix.rows; ++row) {
    matrix.dequantizeRow(row, expected.data());
    format->decode(packed.blocks.data() +
                       row * format->rowBytes(matrix.columns),
                   decoded.data(), matrix.columns);
    for (int64_t column = 0; column < matrix.columns; ++column)
      largest =
          std::max(largest, std::fabs(expected[column] - decoded[column]));
  }
  return largest;
}

} // namespace

TEST(GroupedBlocks, SymmetricSchemesKeepEveryNumber) {
  for (int bits = 2; bits <= 8; ++bits)
    for (int64_t group : {32, 64, -1}) {
      GroupedMatrix matrix = randomMatrix({bits, group, true}, 3, 192);
      auto packed = packGroupedBlocks(matrix);
      ASSERT_TRUE(packed) << packed.error().message;
      EXPECT_EQ(*blockTypeOf(matrix.scheme, 192),
                bits <= 4 ? GgufType::Q4_0 : GgufType::Q8_0);
      EXPECT_EQ(largestDifference(matrix, *packed), 0) << bits << " " << group;
      EXPECT_EQ(packed->largestError, 0);
    }
}

TEST(GroupedBlocks, AsymmetricSchemesOfFiveToSevenBitsKeepEveryNumber) {
  for (int bits = 5; bits <= 7; ++bits) {
    GroupedMatrix matrix = randomMatrix({bits, 64, false}, 3, 192);
    auto packed = packGroupedBlocks(matrix);
    ASSERT_TRUE(packed) << packed.error().message;
    EXPECT_EQ(largestDifference(matrix, *packed), 0);
  }
}

TEST(GroupedBlocks, AsymmetricFourBitsRoundTheMinimumAndSayByHowMuch) {
  GroupedMatrix matrix = randomMatrix({4, 64, false}, 5, 128);
  auto packed = packGroupedBlocks(matrix);
  ASSERT_TRUE(packed) << packed.error().message;
  EXPECT_EQ(*blockTypeOf(matrix.scheme, 128), GgufType::Q4_1);
  EXPECT_GT(packed->largestError, 0);
  // Adding the minimum in f32 may round once more.
  EXPECT_LE(largestDifference(matrix, *packed), packed->largestError * 1.001f);
  EXPECT_LE(packed->largestError, 15 * 0.011f / 2048);
}

TEST(GroupedBlocks, AShorterLastGroupKeepsItsOwnScale) {
  GroupedMatrix matrix = randomMatrix({4, 64, true}, 2, 96);
  auto packed = packGroupedBlocks(matrix);
  ASSERT_TRUE(packed) << packed.error().message;
  EXPECT_EQ(largestDifference(matrix, *packed), 0);
}

TEST(GroupedBlocks, RefusesGroupsThatCutBlocks) {
  EXPECT_FALSE(blockTypeOf({4, 48, true}, 96));
  EXPECT_FALSE(blockTypeOf({4, 16, true}, 96));
  EXPECT_FALSE(blockTypeOf({4, 32, true}, 48));
  EXPECT_FALSE(blockTypeOf({4, -1, true}, 80));
  EXPECT_TRUE(blockTypeOf({4, 128, true}, 96)); // one group in effect
}

TEST(GroupedBlocks, RefusesEightBitsWithAnExtremeZeroPoint) {
  GroupedMatrix matrix({8, 32, false}, 1, 32);
  matrix.zeros[0] = 200;
  auto packed = packGroupedBlocks(matrix);
  ASSERT_FALSE(packed);
  EXPECT_NE(packed.error().message.find("row 0, column 0"), std::string::npos);
}
