#include "qopt/Formats/FormatTable.h"
#include "qopt/Formats/Half.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

using namespace qopt;

namespace {
std::vector<uint8_t> encoded(std::string_view format,
                             const std::vector<float> &weights) {
  const FormatRow *row = findFormat(format);
  std::vector<uint8_t> bytes(row->rowBytes(weights.size()));
  row->encode(weights.data(), nullptr, bytes.data(), weights.size());
  return bytes;
}

std::vector<float> decoded(std::string_view format,
                           const std::vector<uint8_t> &bytes) {
  const FormatRow *row = findFormat(format);
  std::vector<float> weights(bytes.size() / row->blockBytes *
                             row->blockElements);
  row->decode(bytes.data(), weights.data(), weights.size());
  return weights;
}

std::vector<uint8_t> block(std::initializer_list<float> halves,
                           std::vector<uint8_t> codes) {
  std::vector<uint8_t> bytes;
  for (float value : halves) {
    uint16_t half = f32ToF16(value);
    bytes.push_back(half & 255);
    bytes.push_back(half >> 8);
  }
  bytes.insert(bytes.end(), codes.begin(), codes.end());
  return bytes;
}

std::vector<float> randomWeights(int64_t count, float scale) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> weights(count);
  for (float &weight : weights)
    weight = normal(random);
  return weights;
}
} // namespace

TEST(FormatTable, FindsEveryRowByTypeAndName) {
  EXPECT_EQ(formatTable().size(), 18u);
  for (const FormatRow &row : formatTable()) {
    EXPECT_EQ(findFormat(row.type), &row);
    EXPECT_EQ(findFormat(row.name), &row);
  }
  EXPECT_EQ(findFormat("q4_0")->rowBytes(64), 36);
  EXPECT_EQ(findFormat("q4_1")->rowBytes(64), 40);
  EXPECT_EQ(findFormat("q8_0")->rowBytes(64), 68);
  EXPECT_EQ(findFormat("Q4_0"), nullptr);
  EXPECT_EQ(findFormat(GgufType(4)), nullptr);
}

TEST(FormatTable, PlainFloatsRoundToNearestEven) {
  std::vector<float> weights = {1.f, -0.f, 1.0009765f, 65520.f, 3e-8f};
  EXPECT_EQ(decoded("f32", encoded("f32", weights)), weights);
  EXPECT_EQ(decoded("f16", encoded("f16", weights)),
            (std::vector<float>{1.f, -0.f, 1.0009765625f, INFINITY, 0x1p-24f}));
  EXPECT_EQ(decoded("bf16", encoded("bf16", {1.00390625f, 1.01171875f})),
            (std::vector<float>{1.f, 1.015625f}));
}

// d = 127 / 127 = 1: codes are the weights, halves rounded away from zero.
TEST(FormatTable, Q8_0RoundsHalvesAwayFromZero) {
  std::vector<float> weights(32, 0.f);
  weights[0] = 127;
  weights[1] = 0.5f;
  weights[2] = -0.5f;
  weights[3] = 2.5f;
  weights[4] = -126.5f;
  weights[31] = -3.4f;
  std::vector<uint8_t> codes(32, 0);
  codes[0] = 127;
  codes[1] = 1;
  codes[2] = uint8_t(-1);
  codes[3] = 3;
  codes[4] = uint8_t(-127);
  codes[31] = uint8_t(-3);
  EXPECT_EQ(encoded("q8_0", weights), block({1.f}, codes));
}

// The weight of largest magnitude is 8, so d = -1 and q = trunc(8.5 - w), at
// most 15.
TEST(FormatTable, Q4_0TakesItsScaleFromTheExtremeWeight) {
  std::vector<float> weights(32, 0.f);
  weights[0] = 8;
  weights[1] = -8; // the same magnitude, but later
  weights[2] = 0.5f;
  weights[3] = -0.5f;
  weights[16] = -6.6f;
  std::vector<uint8_t> codes(16, 0x88);
  codes[0] = 0xf0; // low: 8 -> 0, high: -6.6 -> 15
  codes[1] = 0x8f; // 16.5 -> 16 -> 15
  codes[2] = 0x88; // 8.0 -> 8
  codes[3] = 0x89; // 9.0 -> 9
  EXPECT_EQ(encoded("q4_0", weights), block({-1.f}, codes));
}

// The reciprocal comes from the f32 scale, not from the f16 that is stored:
// 0.3 / -8 is not an f16, and 0.3 still gets code 0 and decodes through f16.
TEST(FormatTable, Q4_0DividesByTheUnroundedScale) {
  std::vector<float> weights(32, 0.f);
  weights[5] = 0.3f;
  weights[21] = -0.28125f; // 7.5 scales of 0.0375 below: 16.0 -> 15
  std::vector<uint8_t> bytes = encoded("q4_0", weights);
  EXPECT_EQ(bytes[2 + 5], 0xf0);
  float d = f16ToF32(f32ToF16(-0.0375f));
  std::vector<float> back = decoded("q4_0", bytes);
  EXPECT_EQ(back[5], d * -8);
  EXPECT_EQ(back[21], d * 7);
}

// m = -1, d = 15 / 15 = 1, q = trunc(w + 1.5).
TEST(FormatTable, Q4_1StoresScaleAndMinimum) {
  std::vector<float> weights(32, -1.f);
  weights[0] = 14;
  weights[1] = 0.5f;
  weights[2] = 0.49f;
  weights[31] = 13.4f;
  std::vector<uint8_t> codes(16, 0);
  codes[0] = 0x0f;
  codes[1] = 0x02;
  codes[2] = 0x01;
  codes[15] = 0xe0;
  EXPECT_EQ(encoded("q4_1", weights), block({1.f, -1.f}, codes));
}

TEST(FormatTable, ErrorsStayWithinHalfAStepAndTheRoundingOfTheScale) {
  std::vector<float> weights = randomWeights(32 * 100, 0.05f);
  struct Case {
    const char *format;
    float halfSteps; // of the block's range
    float steps;     // largest code times half an ulp of the scale
  };
  for (auto [format, halfStep, largestCode] :
       {Case{"q8_0", 0.5f / 127, 127}, Case{"q4_0", 1.f / 8, 8},
        Case{"q4_1", 0.5f * 2 / 15, 16}}) {
    std::vector<float> back = decoded(format, encoded(format, weights));
    for (size_t i = 0; i < weights.size(); i += 32) {
      float largest = 0;
      for (size_t j = i; j < i + 32; ++j)
        largest = std::max(largest, std::fabs(weights[j]));
      for (size_t j = i; j < i + 32; ++j)
        EXPECT_LE(std::fabs(back[j] - weights[j]),
                  largest * (halfStep * 1.0001f + 0x1p-10f))
            << format << " " << j;
    }
  }
}

TEST(FormatTable, EncodingItsOwnDecodingChangesNothing) {
  std::vector<float> weights = randomWeights(32 * 50, 1.f);
  std::vector<float> q8 = decoded("q8_0", encoded("q8_0", weights));
  std::vector<float> twice = decoded("q8_0", encoded("q8_0", q8));
  EXPECT_EQ(q8, twice);
  std::vector<float> q4 = decoded("q4_0", encoded("q4_0", weights));
  EXPECT_EQ(q4, decoded("q4_0", encoded("q4_0", q4)));
}

TEST(FormatTable, ZeroAndUnderflowingBlocksDecodeToZeros) {
  for (const char *format : {"q8_0", "q4_0", "q4_1"})
    for (float value : {0.f, 1e-30f, 1e-44f}) {
      std::vector<float> weights(32, 0.f);
      weights[3] = value;
      for (float weight : decoded(format, encoded(format, weights)))
        EXPECT_EQ(weight, 0.f) << format << " " << value;
    }
}

TEST(FormatTable, ConstantBlocksKeepTheirSign) {
  for (const char *format : {"q8_0", "q4_0", "q4_1"})
    for (float value : {-0.75f, 0.75f}) {
      std::vector<float> weights(32, value);
      for (float weight : decoded(format, encoded(format, weights)))
        EXPECT_NEAR(weight, value, 1e-3f) << format;
    }
}

// What happens is documented, and the same everywhere: a NaN leaves its
// neighbours alone.
TEST(FormatTable, ANaNDoesNotTouchTheOtherWeightsOfItsBlock) {
  for (const char *format : {"q8_0", "q4_0", "q4_1"})
    for (int place : {0, 1, 31}) {
      std::vector<float> weights = randomWeights(32, 1.f);
      weights[place] = 0; // inside the range, so that it does not set a scale
      std::vector<float> expected = decoded(format, encoded(format, weights));
      weights[place] = std::numeric_limits<float>::quiet_NaN();
      std::vector<float> back = decoded(format, encoded(format, weights));
      for (int j = 0; j < 32; ++j)
        if (j != place)
          EXPECT_EQ(back[j], expected[j]) << format << " " << place;
      EXPECT_TRUE(std::isfinite(back[place]));
    }
}

TEST(FormatTable, InfiniteAndHugeWeightsAreVisibleAfterDecoding) {
  for (const char *format : {"q8_0", "q4_0", "q4_1"})
    for (float value : {INFINITY, -INFINITY, 3e38f}) {
      std::vector<float> weights(32, 1.f);
      weights[7] = value;
      std::vector<float> back = decoded(format, encoded(format, weights));
      EXPECT_FALSE(std::isfinite(back[7])) << format << " " << value;
    }
}
