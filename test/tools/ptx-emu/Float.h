//===- Float.h - small floating-point formats, and rounding ----*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_FLOAT_H
#define PTX_EMU_FLOAT_H

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace ptx {

enum class Rounding : uint8_t { Nearest, Zero, Down, Up, NearestAway };

inline float f32(uint64_t bits) { return std::bit_cast<float>(uint32_t(bits)); }
inline double f64(uint64_t bits) { return std::bit_cast<double>(bits); }

/// PTX's results are the canonical NaN.
inline uint64_t bits(float value) {
  return value == value ? std::bit_cast<uint32_t>(value) : 0x7fffffff;
}
inline uint64_t bits(double value) { return std::bit_cast<uint64_t>(value); }

inline float flush(float value) {
  return std::fabs(value) < 0x1p-126f ? std::copysign(0.0f, value) : value;
}

/// a + b rounded to odd: rounding the result once more, to a format with at
/// least two bits less, gives what rounding the exact sum would give.
inline double addToOdd(double a, double b) {
  double sum = a + b;
  double part = sum - a;
  double error = (a - (sum - part)) + (b - part); // exact (Knuth)
  if (error != 0 && std::isfinite(sum)) {
    uint64_t word = std::bit_cast<uint64_t>(sum);
    if (!(word & 1))
      sum =
          std::bit_cast<double>((error > 0) == (sum > 0) ? word + 1 : word - 1);
  }
  return sum;
}

/// A sign, E bits of exponent and M of mantissa, with infinities. The value may
/// have been rounded to odd before.
template <unsigned E, unsigned M>
uint32_t narrow(double value, Rounding mode = Rounding::Nearest) {
  constexpr int bias = (1 << (E - 1)) - 1;
  constexpr uint32_t infinity = ((1u << E) - 1) << M;
  uint64_t word = std::bit_cast<uint64_t>(value);
  uint32_t sign = uint32_t(word >> 63) << (E + M);
  if (value != value)
    return (1u << (E + M)) - 1;
  if (std::isinf(value))
    return sign | infinity;
  int exponent = int(word >> 52 & 0x7ff) - 1023;
  uint64_t significand = word & ((uint64_t(1) << 52) - 1);
  if (exponent != -1023)
    significand |= uint64_t(1) << 52;
  if (!significand)
    return sign;
  int shift = 52 - int(M);
  bool subnormal = exponent < 1 - bias;
  if (subnormal)
    shift = std::min(shift + (1 - bias - exponent), 62);
  uint64_t kept = significand >> shift;
  uint64_t rest = significand & ((uint64_t(1) << shift) - 1);
  uint64_t half = uint64_t(1) << (shift - 1);
  bool up = false;
  switch (mode) {
  case Rounding::Nearest:
    up = rest > half || (rest == half && kept & 1);
    break;
  case Rounding::NearestAway:
    up = rest >= half;
    break;
  case Rounding::Zero:
    break;
  case Rounding::Down:
    up = sign && rest;
    break;
  case Rounding::Up:
    up = !sign && rest;
    break;
  }
  kept += up;
  uint64_t result =
      subnormal ? kept : (uint64_t(exponent + bias - 1) << M) + kept;
  if (result < infinity)
    return sign | uint32_t(result);
  bool toInfinity =
      mode == Rounding::Nearest || mode == Rounding::NearestAway ||
      (mode == Rounding::Down ? sign != 0 : mode == Rounding::Up && !sign);
  return sign | (toInfinity ? infinity : infinity - 1);
}

inline float halfToFloat(uint64_t bits) {
  uint32_t magnitude = uint32_t(bits & 0x7fff) << 13;
  // Subnormals come out right: the product is exact.
  float value = std::bit_cast<float>(magnitude) * 0x1p112f;
  if (magnitude >= 0x7c00u << 13)
    value = std::bit_cast<float>(magnitude | 0x7f800000u);
  return bits & 0x8000 ? -value : value;
}
inline float brainToFloat(uint64_t bits) {
  return std::bit_cast<float>(uint32_t(bits & 0xffff) << 16);
}
inline float tensorToFloat(uint64_t bits) {
  return std::bit_cast<float>(uint32_t(bits) & 0xffffe000u);
}

/// The formats as template arguments.
struct HalfFormat {
  static float read(uint64_t bits) { return halfToFloat(bits); }
  static uint32_t write(double value, Rounding mode = Rounding::Nearest) {
    return narrow<5, 10>(value, mode);
  }
};
struct BrainFormat {
  static float read(uint64_t bits) { return brainToFloat(bits); }
  static uint32_t write(double value, Rounding mode = Rounding::Nearest) {
    return narrow<8, 7>(value, mode);
  }
};

} // namespace ptx

#endif // PTX_EMU_FLOAT_H
