//===- Half.h - f16 and bf16 conversions ------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_HALF_H
#define QOPT_FORMATS_HALF_H

#include <cstdint>

// Inlined always: callers that are compiled for a newer processor must not
// leave a copy that the linker could choose for the rest of the program.
#define QOPT_INLINE __attribute__((always_inline)) inline

namespace qopt {

/// IEEE binary16 bits to f32; exact, NaN payloads kept.
QOPT_INLINE float f16ToF32(uint16_t half) {
  uint32_t sign = uint32_t(half & 0x8000) << 16;
  uint32_t magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00) // infinity, NaN
    return __builtin_bit_cast(float, sign | 0x7f800000 | (magnitude << 13));
  // 2^112 rebias in floating point also normalises subnormals.
  float value = __builtin_bit_cast(float, magnitude << 13) * 0x1p112f;
  return __builtin_bit_cast(float, sign | __builtin_bit_cast(uint32_t, value));
}

/// f32 to IEEE binary16 bits, round to nearest even; overflow gives infinity.
QOPT_INLINE uint16_t f32ToF16(float value) {
  uint32_t bits = __builtin_bit_cast(uint32_t, value);
  uint16_t sign = (bits >> 16) & 0x8000;
  uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) // NaN, made quiet
    return sign | 0x7e00 | ((magnitude >> 13) & 0x3ff);
  if (magnitude >= 0x477ff000) // rounds to 2^16 or more
    return sign | 0x7c00;
  if (magnitude < 0x38800000) { // subnormal in f16: let the f32 adder round
    float shifted = __builtin_bit_cast(float, magnitude) + 0.5f;
    return sign | (__builtin_bit_cast(uint32_t, shifted) - 0x3f000000);
  }
  uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
  return sign | ((rounded - 0x38000000) >> 13);
}

QOPT_INLINE float bf16ToF32(uint16_t bits) {
  return __builtin_bit_cast(float, uint32_t(bits) << 16);
}

/// f32 to bf16 bits, round to nearest even, NaN made quiet.
QOPT_INLINE uint16_t f32ToBf16(float value) {
  uint32_t bits = __builtin_bit_cast(uint32_t, value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return (bits >> 16) | 0x40;
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

} // namespace qopt

#undef QOPT_INLINE

#endif // QOPT_FORMATS_HALF_H
