#include "qopt/Formats/Half.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>

using namespace qopt;

TEST(Half, EveryFiniteF16RoundTrips) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = f16ToF32(bits);
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(f16ToF32(f32ToF16(value))));
    else
      EXPECT_EQ(f32ToF16(value), bits);
  }
}

// The neighbours of every midpoint between two f16 values round to the nearer
// one, the midpoint itself to the even one.
TEST(Half, RoundsToNearestEven) {
  for (uint16_t bits = 0; bits < 0x7bff; ++bits) {
    float low = f16ToF32(bits), high = f16ToF32(bits + 1);
    float middle = (low + high) / 2;
    EXPECT_EQ(f32ToF16(middle), bits % 2 == 0 ? bits : bits + 1);
    EXPECT_EQ(f32ToF16(std::nextafter(middle, 0.f)), bits);
    EXPECT_EQ(f32ToF16(std::nextafter(middle, 1e9f)), bits + 1);
  }
}

TEST(Half, OverflowGivesInfinity) {
  EXPECT_EQ(f32ToF16(65519.996f), 0x7bff);
  EXPECT_EQ(f32ToF16(65520.f), 0x7c00);
  EXPECT_EQ(f32ToF16(-INFINITY), 0xfc00);
}

TEST(Half, Bf16RoundsToNearestEven) {
  EXPECT_EQ(f32ToBf16(1.f), 0x3f80);
  EXPECT_EQ(f32ToBf16(std::bit_cast<float>(0x3f808000u)), 0x3f80);
  EXPECT_EQ(f32ToBf16(std::bit_cast<float>(0x3f818000u)), 0x3f82);
  EXPECT_EQ(bf16ToF32(f32ToBf16(-2.5f)), -2.5f);
  EXPECT_TRUE(std::isnan(bf16ToF32(f32ToBf16(NAN))));
}
