#include "qopt/Formats/Grouped.h"
#include "qopt/Formats/Half.h"

#include <gtest/gtest.h>
#include <random>

using namespace qopt;

TEST(Grouped, CodesRoundTripForEveryWidthAndTail) {
  std::mt19937 random(1);
  for (int bits = 2; bits <= 8; ++bits)
    for (int64_t columns : {1, 3, 7, 8, 33, 256}) {
      GroupedScheme scheme{bits, 32, false};
      std::vector<uint8_t> codes(columns), back(columns);
      for (uint8_t &code : codes)
        code = random() & scheme.maxCode();
      std::vector<uint8_t> packed(scheme.packedRowBytes(columns));
      packCodes(codes, bits, packed.data());
      unpackCodes(packed.data(), bits, back);
      EXPECT_EQ(codes, back) << bits << " bits, " << columns << " columns";
    }
}

TEST(Grouped, PacksLowBitsFirst) {
  std::vector<uint8_t> codes = {1, 2, 3}, packed(2);
  packCodes(codes, 4, packed.data());
  EXPECT_EQ(packed, (std::vector<uint8_t>{0x21, 0x03}));
}

TEST(Grouped, DequantizesWithAShorterLastGroup) {
  GroupedMatrix matrix({4, 32, false}, 1, 40);
  ASSERT_EQ(matrix.groups(), 2);
  matrix.scales = {f32ToF16(0.5f), f32ToF16(2.f)};
  matrix.zeros = {3, 15};
  matrix.codes[0] = 5;
  matrix.codes[39] = 1;
  std::vector<float> row(40);
  matrix.dequantizeRow(0, row.data());
  EXPECT_EQ(row[0], 1.f);
  EXPECT_EQ(row[31], -1.5f);
  EXPECT_EQ(row[39], -28.f);
}
