//===- Q8_0.cpp - 32 weights of 8 bits with one scale ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d * q,   d = max|w| / 127,   q = round(w / d), half away from 0
//
//===----------------------------------------------------------------------===//
#include "Blocks.h"
#include "qopt/Formats/Half.h"

#include <cmath>
#include <cstring>

using namespace qopt;

namespace {
constexpr int blockElements = 32;

struct Block {
  uint16_t d; // f16
  int8_t q[blockElements];
};
static_assert(sizeof(Block) == 34 && alignof(Block) == 2);

void decode(const uint8_t *source, float *target, int64_t count) {
  for (int64_t i = 0; i < count; i += blockElements) {
    Block block;
    std::memcpy(&block, source + i / blockElements * sizeof(Block),
                sizeof(Block));
    float d = f16ToF32(block.d);
    for (int j = 0; j < blockElements; ++j)
      target[i + j] = d * block.q[j];
  }
}

void encode(const float *source, const float *, uint8_t *target,
            int64_t count) {
  for (int64_t i = 0; i < count; i += blockElements) {
    const float *w = source + i;
    float largest = 0;
    for (int j = 0; j < blockElements; ++j)
      if (float magnitude = std::fabs(w[j]); magnitude > largest)
        largest = magnitude;
    float d = largest / 127;
    float reciprocal = detail::reciprocalOrZero(d);
    Block block;
    block.d = f32ToF16(d);
    for (int j = 0; j < blockElements; ++j)
      block.q[j] = detail::truncateToInt(std::round(w[j] * reciprocal));
    std::memcpy(target + i / blockElements * sizeof(Block), &block,
                sizeof(Block));
  }
}
} // namespace

constinit const FormatRow detail::rowQ8_0 = {GgufType::Q8_0, "q8_0",        "Q8_0",
                                   blockElements,  sizeof(Block), true,
                                   decode,         encode};
