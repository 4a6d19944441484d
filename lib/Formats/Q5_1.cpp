//===- Q5_1.cpp - 32 weights of 5 bits, scale and minimum -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d q + m
//
//===----------------------------------------------------------------------===//
#include "Blocks32.h"

namespace {
struct Q5_1 {
  struct Block {
    uint16_t d, m; // f16
    uint8_t qh[4]; // fifth bits
    uint8_t q[16]; // nibbles
  };
  static constexpr int elements = 32;

  static void decode(const Block &block, float *target) {
    float d = f16ToF32(block.d), m = f16ToF32(block.m);
    for (int j = 0; j < elements; ++j) {
      int q = nibble(block.q, j) | fifthBit(block.qh, j) << 4;
      target[j] = d * float(q) + m;
    }
  }

  static void encode(const BlockInput &input, Bytes *block) {
    Bytes codes[elements];
    auto [d, m] = encodeAffine<31>(input, codes);
    storeHalf(block + offsetof(Block, d), f32ToF16(d));
    storeHalf(block + offsetof(Block, m), f32ToF16(m));
    storeFifthBits(codes, block + offsetof(Block, qh));
    storeNibbles(codes, block + offsetof(Block, q));
  }
};
static_assert(sizeof(Q5_1::Block) == 24 && alignof(Q5_1::Block) == 2);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowQ5_1 =
    makeRow<Q5_1>(GgufType::Q5_1, "q5_1", "Q5_1");
