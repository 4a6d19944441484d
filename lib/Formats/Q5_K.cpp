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
      const uint8_t *low = block.q + j / 2 * 32;
      decodeRun<32>(target + 32 * j, [&](int l) {
        int q = (low[l] >> j % 2 * 4 & 15) | (block.qh[l] >> j & 1) << 4;
        return scale * float(q) - minimum;
      });
    }
  }

  template <typename Byte>
  static void storeFifths(const Byte *codes, Byte *target) {
    for (int l = 0; l < 32; ++l) {
      Byte fifths = 0;
      for (int k = 0; k < 8; ++k)
        fifths |= (codes[l + 32 * k] >> 4) << k;
      target[l] = fifths;
    }
  }

  static void encode(const BlockInput &input, Bytes *block) {
    SixBitSuperBlock<31> fit;
    fit.encode(input, {-0.5f, 0.1f, 15, /*absoluteError=*/false},
               /*clampSearched=*/true, block + offsetof(Block, scales));
    storeHalf(block + offsetof(Block, d), fit.d);
    storeHalf(block + offsetof(Block, dmin), fit.dmin);
    storeFifths(fit.codes, block + offsetof(Block, qh));
    storeNibblePairs(fit.codes, block + offsetof(Block, q));
  }

  static void unpack(const Block &block, qopt::BlockParts &parts) {
    parts.d = block.d;
    parts.dmin = block.dmin;
    unpackLevels(block.scales, parts);
    for (int i = 0; i < elements; ++i) {
      int fifth = block.qh[i % 32] >> i / 32 & 1;
      parts.codes[i] = uint8_t(pairedNibble(block.q, i) | fifth << 4);
    }
  }
  static void pack(const qopt::BlockParts &parts, Block &block) {
    block.d = parts.d;
    block.dmin = parts.dmin;
    packLevels(parts, block.scales);
    storeFifths(parts.codes, block.qh);
    storeNibblePairs(parts.codes, block.q);
  }
};
static_assert(sizeof(Q5_K::Block) == 176 && alignof(Q5_K::Block) == 2);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowQ5_K =
    makeRow<Q5_K>(GgufType::Q5_K, "q5_k", "Q5_K");
constinit const qopt::BlockGrid qopt::detail::QOPT_CODECS::gridQ5_K =
    makeGrid<Q5_K>(32, {0, 63}, {0, 63}, 32, 0);
