//===- Q4_0.cpp - 32 weights of 4 bits with one scale ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d * (q - 8),   d = w_max / -8,   q = min(15, trunc(w / d + 8.5))
//
// where w_max is the weight of largest magnitude (the first of several), with
// its sign: it gets code 0 and is exact up to the rounding of d.
//
//===----------------------------------------------------------------------===//
#include "Blocks.h"
#include "qopt/Formats/Half.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace qopt;

namespace {
constexpr int blockElements = 32;

struct Block {
  uint16_t d;                   // f16
  uint8_t q[blockElements / 2]; // low nibble j, high nibble j + 16
};
static_assert(sizeof(Block) == 18 && alignof(Block) == 2);

void decode(const uint8_t *source, float *target, int64_t count) {
  for (int64_t i = 0; i < count; i += blockElements) {
    Block block;
    std::memcpy(&block, source + i / blockElements * sizeof(Block),
                sizeof(Block));
    float d = f16ToF32(block.d);
    for (int j = 0; j < blockElements / 2; ++j) {
      target[i + j] = d * float((block.q[j] & 15) - 8);
      target[i + j + blockElements / 2] = d * float((block.q[j] >> 4) - 8);
    }
  }
}

uint8_t code(float weight, float reciprocal) {
  int8_t truncated = detail::truncateToInt(weight * reciprocal + 8.5f);
  return std::min<int>(15, truncated);
}

void encode(const float *source, const float *, uint8_t *target,
            int64_t count) {
  for (int64_t i = 0; i < count; i += blockElements) {
    const float *w = source + i;
    float magnitude = 0, extreme = 0;
    for (int j = 0; j < blockElements; ++j)
      if (magnitude < std::fabs(w[j])) {
        magnitude = std::fabs(w[j]);
        extreme = w[j];
      }
    float d = extreme / -8;
    float reciprocal = detail::reciprocalOrZero(d);
    Block block;
    block.d = f32ToF16(d);
    for (int j = 0; j < blockElements / 2; ++j)
      block.q[j] = code(w[j], reciprocal) |
                   code(w[j + blockElements / 2], reciprocal) << 4;
    std::memcpy(target + i / blockElements * sizeof(Block), &block,
                sizeof(Block));
  }
}
} // namespace

constinit const FormatRow detail::rowQ4_0 = {GgufType::Q4_0, "q4_0",        "Q4_0",
                                   blockElements,  sizeof(Block), true,
                                   decode,         encode};
