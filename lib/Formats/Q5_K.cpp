//===- Q5_K.cpp - 256 weights of 5 bits in 8 sub-blocks -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d s_j q - dmin m_j,   j = weight / 32
//
//===----------------------------------------------------------------------===//
#include "SixBitScales.h"

namespace {
struct Q5_K {
  struct Block {
    uint16_t d, dmin;   // f16
    uint8_t scales[12]; // s_j and m_j, of 6 bits each
    uint8_t qh[32];     // fifth bits: weight l + 32 k in bit k of byte l
    uint8_t q[128];     // pairs of nibbles
  };
  static constexpr int elements = superBlockElements;

  static void decode(const Block &block, float *target) {
    uint8_t scales[8], minima[8];
    unpackSixBitScales(block.scales, scales, minima);
    for (int j = 0; j < 8; ++j) {
      float scale = f16ToF32(block.d) * scales[j];
      float minimum = f16ToF32(block.dmin) * minima[j];
      for (int i = 32 * j; i < 32 * (j + 1); ++i) {
        int fifth = block.qh[i % 32] >> j & 1;
        int q = pairedNibble(block.q, i) | fifth << 4;
        target[i] = scale * float(q) - minimum;
      }
    }
  }

  static void encode(const BlockInput &input, Bytes *block) {
    SixBitSuperBlock<31> fit;
    fit.encode(input, {-0.5f, 0.1f, 15, /*absoluteError=*/false},
               /*clampSearched=*/true, block + offsetof(Block, scales));
    storeHalf(block + offsetof(Block, d), fit.d);
    storeHalf(block + offsetof(Block, dmin), fit.dmin);
    for (int l = 0; l < 32; ++l) {
      Bytes fifths = 0;
      for (int k = 0; k < 8; ++k)
        fifths |= (fit.codes[l + 32 * k] >> 4) << k;
      block[offsetof(Block, qh) + l] = fifths;
    }
    storeNibblePairs(fit.codes, block + offsetof(Block, q));
  }
};
static_assert(sizeof(Q5_K::Block) == 176 && alignof(Q5_K::Block) == 2);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowQ5_K =
    makeRow<Q5_K>(GgufType::Q5_K, "q5_k", "Q5_K");
