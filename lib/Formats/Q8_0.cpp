//===- Q8_0.cpp - 32 weights of 8 bits with one scale ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d q,   d = max|w| / 127,   q = round(w / d), half away from 0
//
//===----------------------------------------------------------------------===//
#include "Codec.h"
#include "InRows32.h"

namespace {
struct Q8_0 {
  struct Block {
    uint16_t d; // f16
    int8_t q[32];
  };
  static constexpr int elements = 32;

  static void decode(const Block &block, float *target) {
    float d = f16ToF32(block.d);
    for (int j = 0; j < elements; ++j)
      target[j] = d * block.q[j];
  }

  static void encode(const BlockInput &input, Bytes *block) {
    const Floats *w = input.weights;
    Floats largest = 0.0f;
    for (int j = 0; j < elements; ++j)
      largest = select(absolute(w[j]) > largest, absolute(w[j]), largest);
    Floats d = largest / 127.0f;
    Floats reciprocal = reciprocalOrZero(d);
    storeHalf(block + offsetof(Block, d), f32ToF16(d));
    for (int j = 0; j < elements; ++j) {
      Floats rounded = __builtin_elementwise_round(w[j] * reciprocal);
      block[offsetof(Block, q) + j] = toBytes(truncateToInt(rounded));
    }
  }

  static bool encodeInRows(const float *w, uint8_t *target) {
    const Extremes extremes(w);
    const Floats d =
        select(extremes.high > -extremes.low, extremes.high, -extremes.low) /
        127.0f;
    const Floats reciprocal = reciprocalOrZero(d);
    if (!extremes.ordinary || anyInfinite(reciprocal))
      return false;
    int halves[lanes];
    float factors[lanes];
    const Ints d16 = f32ToF16(absolute(d));
    __builtin_memcpy(halves, &d16, sizeof(halves));
    __builtin_memcpy(factors, &reciprocal, sizeof(factors));
    for (int block = 0; block < lanes; ++block, target += sizeof(Block)) {
      fetchAhead(w, target, sizeof(Block));
      __builtin_memcpy(target, &halves[block], 2);
      for (int first = 0; first < elements; first += tile, w += tile) {
        const FloatTile quotient = loadTile(w) * factors[block];
        // Half away from zero, for the largest float below a half.
        const FloatTile shifted =
            quotient +
            __builtin_elementwise_copysign(FloatTile(0x1.fffffep-2f), quotient);
        const ByteTile codes = __builtin_convertvector(
            __builtin_convertvector(shifted, IntTile), ByteTile);
        __builtin_memcpy(target + offsetof(Block, q) + first, &codes, tile);
      }
    }
    return true;
  }

  static void unpack(const Block &block, qopt::BlockParts &parts) {
    parts.d = block.d;
    parts.levels[0] = 1;
    for (int j = 0; j < elements; ++j)
      parts.codes[j] = uint8_t(block.q[j] + 128);
  }
  static void pack(const qopt::BlockParts &parts, Block &block) {
    block.d = parts.d;
    for (int j = 0; j < elements; ++j)
      block.q[j] = int8_t(parts.codes[j] - 128);
  }
};
static_assert(sizeof(Q8_0::Block) == 34 && alignof(Q8_0::Block) == 2);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowQ8_0 =
    makeRow<Q8_0>(GgufType::Q8_0, "q8_0", "Q8_0");
constinit const qopt::BlockGrid qopt::detail::QOPT_CODECS::gridQ8_0 =
    makeGrid<Q8_0>(32, {1, 1}, {0, 0}, 256, -128);
