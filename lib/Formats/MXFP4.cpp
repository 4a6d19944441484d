//===- MXFP4.cpp - 32 weights of 4 bits and an exponent -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = 2^(e - 127) value[q]
//
// OCP microscaling: E2M1 values with a common power of two (E8M0), chosen so
// that the largest weight lies between 4 and 8 of its units:
// e = floor(log2 max|w|) - 2 + 127. To count in integers, values are doubled
// and the unit is halved.
//
//===----------------------------------------------------------------------===//
#include "Blocks32.h"

namespace {
constexpr int doubledValues[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                   0, -1, -2, -3, -4, -6, -8, -12};

struct MXFP4 {
  struct Block {
    uint8_t e;
    uint8_t q[16]; // nibbles
  };
  static constexpr int elements = 32;
  static constexpr bool fetchesAhead = true;

  /// 2^(e - 128), also where that is subnormal.
  static float halfUnit(uint8_t e) {
    uint32_t bits = e < 2 ? 0x00200000u << e : uint32_t(e - 1) << 23;
    return __builtin_bit_cast(float, bits);
  }

  static void decode(const Block &block, float *target) {
    float unit = halfUnit(block.e);
    decodeNibbles(block.q, target, [&](int, int code) {
      return float(doubledValues[code]) * unit;
    });
  }

  /// floor(log2 x) + 127 - 2 where the logarithm is first rounded to f32, as
  /// log2f does: just below a power of two 2^n it becomes n. With
  /// x = 2^n (1 - k 2^-24), log2 x = n - k 2^-24 / ln 2, and the f32 below n is
  /// at a distance `gap`. Weights below 2^-125 have no exponent of their own
  /// and get 0; infinity gets 255.
  static Ints exponent(Floats x) {
    Ints bits = bitsOf(x);
    Ints n = (bits >> 23) - 126;
    Ints k = 0x800000 - (bits & 0x7fffff);
    Ints distance = n < 0 ? -n : n;
    Ints nearest = bitsOf(toFloats(distance)) >> 23; // log2 |n| + 127
    Ints isPower = (bitsOf(toFloats(distance)) & 0x7fffff) == 0;
    // gap = 2^(log2 |n| - 23), half of that below a positive power of two.
    Ints gapExponent = nearest - 127 + 1 + ((n > 0) & isPower);
    Floats halfGap = fromBits((gapExponent - 1 + 127) << 23);
    Ints roundsUp = (n != 0) & (toFloats(k) * 1.44269504f <= halfGap);
    Ints e = n - 1 - roundsUp - 2 + 127;
    return clamp(select(bits >= 0x7f800000, Ints(255), e), 0, 255);
  }

  static void encode(const BlockInput &input, Bytes *block) {
    const Floats *w = input.weights;
    Ints e = exponent(findExtreme<elements>(w).magnitude);
    Floats unit = fromBits(select(e < 2, Ints(0x00200000) << e, (e - 1) << 23));
    // Codes by magnitude: of two values as near the smaller one. All products
    // are exact.
    Floats middles[7];
    for (int i = 0; i < 7; ++i)
      middles[i] = 0.5f * (doubledValues[i] + doubledValues[i + 1]) * unit;
    Bytes codes[elements];
    for (int j = 0; j < elements; ++j) {
      input.ahead.fetch(lanes);
      Ints code = 0;
      for (const Floats &middle : middles)
        code -= absolute(w[j]) > middle;
      Ints negative = (w[j] < 0.0f) & (code != 0);
      codes[j] = toBytes(code | (negative & 8));
    }
    block[offsetof(Block, e)] = toBytes(e);
    storeNibbles(codes, block + offsetof(Block, q));
  }
};
static_assert(sizeof(MXFP4::Block) == 17 && alignof(MXFP4::Block) == 1);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowMXFP4 =
    makeRow<MXFP4>(GgufType::MXFP4, "mxfp4", "MXFP4");
