#include "SeededInputs.h"
#include "qopt/Formats/FormatTable.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <string>

using namespace qopt;
using namespace qopt::test;

namespace {
std::vector<uint8_t> encoded(const FormatRow &row,
                             const std::vector<float> &weights,
                             const float *importance, int64_t rows) {
  std::vector<uint8_t> blocks(row.rowBytes(weights.size()));
  row.encodeRows(weights.data(), importance, blocks.data(), rows,
                 weights.size() / rows);
  return blocks;
}

std::vector<float> roundTrip(const FormatRow &row,
                             const std::vector<float> &weights,
                             const float *importance = nullptr,
                             int64_t rows = 1) {
  std::vector<uint8_t> blocks = encoded(row, weights, importance, rows);
  std::vector<float> back(weights.size());
  row.decode(blocks.data(), back.data(), back.size());
  return back;
}

std::vector<float> normalWeights(int64_t count, uint64_t seed) {
  SeededBits bits(seed);
  std::vector<float> weights(count);
  for (float &weight : weights)
    weight = bits.normal();
  return weights;
}

/// Σ importance (w - ŵ)² / Σ importance w².
double relativeError(const std::vector<float> &weights,
                     const std::vector<float> &back,
                     const std::vector<float> &importance) {
  double error = 0, energy = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    double weight = importance[i % importance.size()];
    error += weight * std::pow(weights[i] - back[i], 2);
    energy += weight * std::pow(weights[i], 2);
  }
  return error / energy;
}
} // namespace

// Blocks share vectors with blocks of other rows, and what is spoilt in one of
// them sends all of them on a slower way; nothing may leak.
TEST(Encoder, RowsTogetherGiveTheBytesOfRowsApart) {
  for (const FormatRow &row : formatTable())
    for (bool byImportance : {false, true})
      for (float nonsense :
           {0.0f, std::numeric_limits<float>::quiet_NaN(), INFINITY, 3e38f}) {
        const int64_t rows = 7, columns = 768;
        std::vector<float> weights = normalWeights(rows * columns, 1);
        weights[300] = weights[2 * columns + 5] = nonsense;
        std::vector<float> importance = seededImportance();
        const float *weighting = byImportance ? importance.data() : nullptr;
        std::vector<uint8_t> together = encoded(row, weights, weighting, rows);
        std::vector<uint8_t> apart;
        for (int64_t r = 0; r < rows; ++r) {
          std::vector<float> one(&weights[r * columns],
                                 &weights[r * columns] + columns);
          std::vector<uint8_t> blocks = encoded(row, one, weighting, 1);
          apart.insert(apart.end(), blocks.begin(), blocks.end());
        }
        EXPECT_EQ(together, apart)
            << row.name << " " << byImportance << " " << nonsense;
      }
}

// Each bit costs a factor of about four; searching, a minimum or nonlinear
// values gain up to 30 %.
TEST(Encoder, ErrorsOnNormalWeightsAreThoseOfTheirBits) {
  const std::map<std::string_view, double> errors = {
      {"q8_0", 2.81e-5},   {"q6_k", 3.07e-4},  {"q5_0", 1.76e-3},
      {"q5_1", 1.40e-3},   {"q5_k", 1.28e-3},  {"q4_0", 7.19e-3},
      {"q4_1", 6.02e-3},   {"q4_k", 4.97e-3},  {"iq4_nl", 5.68e-3},
      {"iq4_xs", 5.77e-3}, {"mxfp4", 1.32e-2}, {"q3_k", 2.23e-2},
      {"q2_k", 8.75e-2}};
  std::vector<float> weights = normalWeights(256 * 200, 2);
  for (auto [name, expected] : errors) {
    double error =
        relativeError(weights, roundTrip(*findFormat(name), weights), {1.0f});
    EXPECT_NEAR(error, expected, 0.1 * expected) << name;
  }
}

TEST(Encoder, TernaryTypesKeepTernaryWeights) {
  SeededBits bits(3);
  std::vector<float> weights(1024);
  for (float &weight : weights)
    weight = float(bits.below(3) - 1) * 0.375f;
  for (const char *name : {"tq1_0", "tq2_0"})
    EXPECT_EQ(roundTrip(*findFormat(name), weights), weights) << name;
}

TEST(Encoder, ImportanceLowersTheErrorThatItWeighs) {
  const int64_t rows = 40, columns = 512;
  std::vector<float> weights = normalWeights(rows * columns, 4);
  SeededBits bits(5);
  std::vector<float> importance(columns);
  for (float &value : importance)
    value = std::ldexp(1.0f, bits.below(12));
  for (const char *name : {"q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k",
                           "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs"}) {
    const FormatRow &row = *findFormat(name);
    double plain = relativeError(
        weights, roundTrip(row, weights, nullptr, rows), importance);
    double weighted = relativeError(
        weights, roundTrip(row, weights, importance.data(), rows), importance);
    EXPECT_LT(weighted, plain) << name;
  }
}

// 1 / d is infinite. ggml's result hangs on undefined conversions here.
TEST(Encoder, BlocksOfDenormalsDecodeToAlmostNothing) {
  std::vector<float> weights = normalWeights(512, 6);
  for (float scale : {0x1p-130f, 0x1p-145f})
    for (const FormatRow &row : formatTable()) {
      std::vector<float> denormals = weights;
      for (float &weight : denormals)
        weight *= scale;
      for (float weight : roundTrip(row, denormals))
        EXPECT_LT(std::fabs(weight), 0x1p-124f) << row.name;
    }
}

TEST(Encoder, OneBlocksNonsenseStaysInItsBlock) {
  std::vector<float> weights = normalWeights(768, 7);
  for (const FormatRow &row : formatTable())
    for (float nonsense : {std::numeric_limits<float>::quiet_NaN(), INFINITY,
                           -INFINITY, 3e38f}) {
      std::vector<float> expected = roundTrip(row, weights);
      std::vector<float> spoilt = weights;
      spoilt[300] = nonsense;
      std::vector<float> back = roundTrip(row, spoilt);
      const int64_t block = 300 / row.blockElements;
      for (int64_t i = 0; i < int64_t(weights.size()); ++i)
        if (i / row.blockElements != block)
          EXPECT_EQ(back[i], expected[i]) << row.name << " " << i;
    }
}

// The scale is beyond f16: whoever forgets to check sees it at once.
TEST(Encoder, ScalesThatOverflowAreVisibleAfterDecoding) {
  std::vector<float> weights = normalWeights(256, 8);
  for (float &weight : weights)
    weight *= 1e9f;
  for (const FormatRow &row : formatTable()) {
    if (row.name == "f32" || row.name == "bf16" || row.name == "mxfp4")
      continue; // their exponents reach further
    bool finite = true;
    for (float weight : roundTrip(row, weights))
      finite &= std::isfinite(weight);
    EXPECT_FALSE(finite) << row.name;
  }
}

// log2 of 2^127 (1 - 2^-24) is 127 in f32, so ggml's exponent is one more than
// that of the float.
TEST(Encoder, MXFP4RoundsTheLogarithmBeforeItsFloor) {
  const FormatRow &row = *findFormat("mxfp4");
  auto exponentOf = [&](float largest) {
    std::vector<float> weights(32, 0.0f);
    weights[5] = largest;
    return int(encoded(row, weights, nullptr, 1)[0]);
  };
  EXPECT_EQ(exponentOf(4.0f), 127);
  EXPECT_EQ(exponentOf(7.0f), 127);
  EXPECT_EQ(exponentOf(7.9999990f), 127);
  EXPECT_EQ(exponentOf(std::nextafter(8.0f, 0.0f)), 128);
  EXPECT_EQ(exponentOf(std::nextafter(1.0f, 0.0f)), 124); // log2 is -8.6e-8
  EXPECT_EQ(exponentOf(0x1p-125f), 0);
  EXPECT_EQ(exponentOf(0x1p-140f), 0);
  EXPECT_EQ(exponentOf(INFINITY), 255);
}
