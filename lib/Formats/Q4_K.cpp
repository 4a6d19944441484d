//===- Q4_K.cpp - 256 weights of 4 bits in 8 sub-blocks -------------------===//
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
struct Q4_K {
  struct Block {
    uint16_t d, dmin;   // f16
    uint8_t scales[12]; // s_j and m_j, of 6 bits each
    uint8_t q[128];     // pairs of nibbles
  };
  static constexpr int elements = superBlockElements;

  static void decode(const Block &block, float *target) {
    uint8_t scales[8], minima[8];
    unpackSixBitScales(block.scales, scales, minima);
    for (int j = 0; j < 8; ++j) {
      float scale = f16ToF32(block.d) * scales[j];
      float minimum = f16ToF32(block.dmin) * minima[j];
      const uint8_t *q = block.q + j / 2 * 32;
      decodeRun<32>(target + 32 * j, [&](int l) {
        return scale * float(q[l] >> j % 2 * 4 & 15) - minimum;
      });
    }
  }

  static void encode(const BlockInput &input, Bytes *block) {
    SixBitSuperBlock<15> fit;
    fit.encode(input, {-1.f, 0.1f, 20, /*absoluteError=*/false},
               /*clampSearched=*/false, block + offsetof(Block, scales));
    storeHalf(block + offsetof(Block, d), fit.d);
    storeHalf(block + offsetof(Block, dmin), fit.dmin);
    storeNibblePairs(fit.codes, block + offsetof(Block, q));
  }

  static void unpack(const Block &block, qopt::BlockParts &parts) {
    parts.d = block.d;
    parts.dmin = block.dmin;
    unpackLevels(block.scales, parts);
    for (int i = 0; i < elements; ++i)
      parts.codes[i] = uint8_t(pairedNibble(block.q, i));
  }
  static void pack(const qopt::BlockParts &parts, Block &block) {
    block.d = parts.d;
    block.dmin = parts.dmin;
    packLevels(parts, block.scales);
    storeNibblePairs(parts.codes, block.q);
  }
};
static_assert(sizeof(Q4_K::Block) == 144 && alignof(Q4_K::Block) == 2);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowQ4_K =
    makeRow<Q4_K>(GgufType::Q4_K, "q4_k", "Q4_K");
constinit const qopt::BlockGrid qopt::detail::QOPT_CODECS::gridQ4_K =
    makeGrid<Q4_K>(32, {0, 63}, {0, 63}, 16, 0);
