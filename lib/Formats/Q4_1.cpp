//===- Q4_1.cpp - 32 weights of 4 bits, scale and minimum -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d * q + m,   m = min w,   d = (max w - m) / 15,
//     q = min(15, trunc((w - m) / d + 0.5))
//
//===----------------------------------------------------------------------===//
#include "Blocks.h"
#include "qopt/Formats/Half.h"

#include <algorithm>
#include <cfloat>
#include <cstring>

using namespace qopt;

namespace {
constexpr int blockElements = 32;

struct Block {
  uint16_t d, m;                // f16
  uint8_t q[blockElements / 2]; // low nibble j, high nibble j + 16
};
static_assert(sizeof(Block) == 20 && alignof(Block) == 2);

void decode(const uint8_t *source, float *target, int64_t count) {
  for (int64_t i = 0; i < count; i += blockElements) {
    Block block;
    std::memcpy(&block, source + i / blockElements * sizeof(Block),
                sizeof(Block));
    float d = f16ToF32(block.d), m = f16ToF32(block.m);
    for (int j = 0; j < blockElements / 2; ++j) {
      target[i + j] = d * float(block.q[j] & 15) + m;
      target[i + j + blockElements / 2] = d * float(block.q[j] >> 4) + m;
    }
  }
}

uint8_t code(float aboveMinimum, float reciprocal) {
  int8_t truncated = detail::truncateToInt(aboveMinimum * reciprocal + 0.5f);
  return std::min<int>(15, truncated);
}

void encode(const float *source, const float *, uint8_t *target,
            int64_t count) {
  for (int64_t i = 0; i < count; i += blockElements) {
    const float *w = source + i;
    float minimum = FLT_MAX, maximum = -FLT_MAX;
    for (int j = 0; j < blockElements; ++j) {
      if (w[j] < minimum)
        minimum = w[j];
      if (w[j] > maximum)
        maximum = w[j];
    }
    float d = (maximum - minimum) / 15;
    float reciprocal = detail::reciprocalOrZero(d);
    Block block;
    block.d = f32ToF16(d);
    block.m = f32ToF16(minimum);
    for (int j = 0; j < blockElements / 2; ++j)
      block.q[j] = code(w[j] - minimum, reciprocal) |
                   code(w[j + blockElements / 2] - minimum, reciprocal) << 4;
    std::memcpy(target + i / blockElements * sizeof(Block), &block,
                sizeof(Block));
  }
}
} // namespace

constinit const FormatRow detail::rowQ4_1 = {GgufType::Q4_1, "q4_1",        "Q4_1",
                                   blockElements,  sizeof(Block), true,
                                   decode,         encode};
