//===- Lanes.h - arithmetic on many blocks at once --------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The encoders of this directory work on many blocks at a time: a value here is
// a number of each of `lanes` blocks. So they read like code for one block,
// sums run over the weights of a block in their order, as the reference's do,
// and every vector width gives the same bits. Where code for one block would
// branch, lanes compute both sides and select.
//
// Everything here has internal linkage, and no inline function of the standard
// library is used: the files that include it are compiled once per instruction
// set, and the linker must not pick a copy that was compiled for a newer
// processor to serve the rest of the program.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_LANES_H
#define QOPT_LIB_FORMATS_LANES_H

#include <stdint.h>

namespace {

/// Two vectors and more, so that a chain of sums that depend on each other
/// never waits alone.
#if defined(__AVX512F__)
constexpr int lanes = 32;
#else
constexpr int lanes = 16;
#endif

using Floats = float __attribute__((ext_vector_type(lanes)));
using Ints = int32_t __attribute__((ext_vector_type(lanes)));
using Bytes = uint8_t __attribute__((ext_vector_type(lanes)));

inline Floats toFloats(Ints x) { return __builtin_convertvector(x, Floats); }
inline Ints toInts(Bytes x) { return __builtin_convertvector(x, Ints); }
/// The low 8 bits.
inline Bytes toBytes(Ints x) { return __builtin_convertvector(x, Bytes); }

inline Ints bitsOf(Floats x) { return __builtin_bit_cast(Ints, x); }
inline Floats fromBits(Ints x) { return __builtin_bit_cast(Floats, x); }

/// Comparisons give -1 for true and 0 for false.
inline Floats select(Ints condition, Floats yes, Floats no) {
  return condition ? yes : no;
}
inline Ints select(Ints condition, Ints yes, Ints no) {
  return condition ? yes : no;
}
inline bool any(Ints condition) { return __builtin_reduce_or(condition) != 0; }

inline Floats absolute(Floats x) { return __builtin_elementwise_abs(x); }
inline Floats squareRoot(Floats x) { return __builtin_elementwise_sqrt(x); }
inline Ints clamp(Ints x, int low, int high) {
  return __builtin_elementwise_max(__builtin_elementwise_min(x, Ints(high)),
                                   Ints(low));
}
inline Ints atMost(Ints x, int high) {
  return __builtin_elementwise_min(x, Ints(high));
}
/// The low 8 bits, read as a signed byte.
inline Ints signedByte(Ints x) { return (x << 24) >> 24; }

/// 1 / scale, and 0 for a zero scale, so that blocks of zeros get codes of
/// zero.
inline Floats reciprocalOrZero(Floats scale) {
  return select(scale != 0.0f, 1.0f / scale, Floats(0.0f));
}

/// Rounds to the nearest integer, ties to even, for |x| < 2^22. Adding 1.5 *
/// 2^23 leaves the integer in the low bits of the sum, whose rounding is the
/// adder's. Outside that range the low bits are still what they are: an
/// infinity gives -2^22 and the default NaN gives 0.
inline Ints roundToEven(Floats x) {
  return (bitsOf(x + 12582912.0f) & 0x7fffff) - 0x400000;
}

/// The same as a float, in fewer instructions, for |x| < 2^22 only.
inline Floats nearestInteger(Floats x) { return x + 12582912.0f - 12582912.0f; }
/// And between low and high.
inline Floats roundToEven(Floats x, float low, float high) {
  Floats rounded = nearestInteger(x);
  rounded = select(rounded < high, rounded, Floats(high));
  return select(rounded > low, rounded, Floats(low));
}

/// Conversion to int as x86-64 does it (cvttss2si), which ggml's reference
/// relies on for values out of range: NaN and overflow give INT32_MIN.
inline Ints truncateToInt(Floats x) {
  Ints representable = (x > -0x1p31f) & (x < 0x1p31f);
  Ints converted =
      __builtin_convertvector(select(representable, x, Floats(0.0f)), Ints);
  return select(representable, converted, Ints(INT32_MIN));
}

/// f16 bits to f32, exact.
inline Floats f16ToF32(Ints half) {
  Ints magnitude = half & 0x7fff;
  Floats rebiased = fromBits(magnitude << 13) * 0x1p112f;
  Ints special = (magnitude << 13) | 0x7f800000; // infinity, NaN
  Ints bits = select(magnitude >= 0x7c00, special, bitsOf(rebiased));
  return fromBits(bits | ((half & 0x8000) << 16));
}

/// f32 to f16 bits, rounded to nearest even; overflow gives infinity. The same
/// bits as f32ToF16 of Half.h.
inline Ints f32ToF16(Floats value) {
  Ints bits = bitsOf(value);
  Ints sign = (bits >> 16) & 0x8000;
  Ints magnitude = bits & 0x7fffffff;
  Ints rounded =
      (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  // Subnormal in f16: the f32 adder rounds.
  Ints subnormal = bitsOf(fromBits(magnitude) + 0.5f) - 0x3f000000;
  Ints half = select(magnitude < 0x38800000, subnormal, rounded);
  half = select(magnitude >= 0x477ff000, Ints(0x7c00), half);
  Ints quiet = 0x7e00 | ((magnitude >> 13) & 0x3ff);
  return sign | select(magnitude > 0x7f800000, quiet, half);
}

/// Writes the two bytes of an f16 (or of another 16-bit number).
inline void storeHalf(Bytes *target, Ints half) {
  target[0] = toBytes(half);
  target[1] = toBytes(half >> 8);
}

} // namespace

#endif // QOPT_LIB_FORMATS_LANES_H
