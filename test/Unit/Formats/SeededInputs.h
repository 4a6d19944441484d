//===- SeededInputs.h - the same weights on every platform ------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Weights for the comparison with ggml: made of integers, with exact f32
// operations only, so that every platform makes the same ones.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TEST_UNIT_FORMATS_SEEDEDINPUTS_H
#define QOPT_TEST_UNIT_FORMATS_SEEDEDINPUTS_H

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace qopt::test {

/// SplitMix64.
class SeededBits {
public:
  explicit SeededBits(uint64_t seed) : state(seed) {}

  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  int below(int count) { return int((next() >> 32) % uint64_t(count)); }
  /// Nearly normal, standard deviation 1: 12 uniform numbers of 16 bits.
  float normal() {
    int32_t sum = 0;
    for (int i = 0; i < 12; ++i)
      sum += int32_t(next() >> 48);
    return float(sum - 12 * 32768) * 0x1p-16f;
  }

private:
  uint64_t state;
};

enum class Distribution {
  Gaussian,    // standard deviation 1/32
  HeavyTailed, // Gaussian times 2^k, k geometric
  Shifted,     // all of one sign, in runs of 512
  Constant,    // runs of 32 equal weights
  Zero,        // both signs of zero
  Ties,        // multiples of a half of the scale
  Sparse,      // few weights that are not zero
  Tiny,        // f32 denormals among normal weights, scales below f16
};
constexpr int distributions = 8;

constexpr int64_t seededRows = 6, seededColumns = 1024;

/// A matrix [seededRows, seededColumns].
inline std::vector<float> seededWeights(Distribution distribution) {
  SeededBits bits(uint64_t(distribution) + 1);
  std::vector<float> weights(seededRows * seededColumns);
  float constant = 0;
  for (int64_t i = 0; i < int64_t(weights.size()); ++i) {
    const float normal = bits.normal() * 0x1p-5f;
    float &w = weights[i];
    switch (distribution) {
    case Distribution::Gaussian:
      w = normal;
      break;
    case Distribution::HeavyTailed: {
      int exponent = 0;
      while (exponent < 12 && bits.below(3) == 0)
        ++exponent;
      w = std::ldexp(normal, exponent);
      break;
    }
    case Distribution::Shifted:
      w = i / 512 % 2 == 0 ? std::fabs(normal) : -0.5f - std::fabs(normal);
      break;
    case Distribution::Constant:
      if (i % 32 == 0)
        constant = normal;
      w = constant;
      break;
    case Distribution::Zero:
      w = bits.below(2) ? 0.0f : -0.0f;
      break;
    case Distribution::Ties:
      w = float(bits.below(65) - 32) * (i / 256 % 2 ? 0.25f : 0.03125f);
      break;
    case Distribution::Sparse:
      w = bits.below(i / 256 % 2 ? 23 : 200) == 0 ? normal : 0.0f;
      break;
    case Distribution::Tiny:
      if (i / 256 % 2 == 0)
        w = bits.below(3) ? normal : float(bits.below(2001) - 1000) * 0x1p-149f;
      else
        w = std::ldexp(normal, -10 - int(i / 512 % 6) * 10);
      break;
    }
  }
  return weights;
}

/// [seededColumns]: mean squares that vary by a factor of 2^20, some zero.
inline std::vector<float> seededImportance() {
  SeededBits bits(99);
  std::vector<float> importance(seededColumns);
  for (float &value : importance)
    value = bits.below(50) == 0
                ? 0.0f
                : std::ldexp(float(bits.below(4096) + 1), bits.below(20) - 24);
  return importance;
}

/// FNV-1a.
inline uint64_t digest(std::span<const uint8_t> bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (uint8_t byte : bytes)
    hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

/// Blocks of random bytes, for decoding.
inline std::vector<uint8_t> seededBytes(int64_t count) {
  SeededBits bits(7);
  std::vector<uint8_t> bytes(count);
  for (uint8_t &byte : bytes)
    byte = uint8_t(bits.next() >> 56);
  return bytes;
}
constexpr int64_t seededBlocks = 500;

/// The bits of decoded weights; all NaNs count as one.
inline uint64_t digest(std::span<const float> weights) {
  std::vector<uint8_t> bytes;
  for (float weight : weights) {
    uint32_t bits =
        std::isnan(weight) ? 0x7fc00000 : __builtin_bit_cast(uint32_t, weight);
    for (int shift = 0; shift < 32; shift += 8)
      bytes.push_back(uint8_t(bits >> shift));
  }
  return digest(std::span<const uint8_t>(bytes));
}

} // namespace qopt::test

#endif // QOPT_TEST_UNIT_FORMATS_SEEDEDINPUTS_H
