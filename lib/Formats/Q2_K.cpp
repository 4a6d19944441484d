//===- Q2_K.cpp - 256 weights of 2 bits in 16 sub-blocks ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d s_j q - dmin m_j,   j = weight / 16
//
//===----------------------------------------------------------------------===//
#include "SuperBlock.h"

namespace {
struct Q2_K {
  struct Block {
    uint8_t scales[16]; // s_j in the low nibble, m_j in the high one
    uint8_t q[64];      // two bits of every weight
    uint16_t d, dmin;   // f16
  };
  static constexpr int elements = superBlockElements;

  static void decode(const Block &block, float *target) {
    for (int j = 0; j < 16; ++j) {
      float scale = f16ToF32(block.d) * (block.scales[j] & 15);
      float minimum = f16ToF32(block.dmin) * (block.scales[j] >> 4);
      const CrumbRun q(block.q, 16 * j);
      decodeRun<16>(target + 16 * j,
                    [&](int l) { return scale * float(q[l]) - minimum; });
    }
  }

  static void encode(const BlockInput &input, Bytes *block) {
    AffineSuperBlock<16, 3, 15> fit;
    if (input.importance)
      fit.fit(input, 1.0f);
    else
      fit.fit(input.weights,
              [](const Floats *x, Floats *weight) {
                for (int i = 0; i < 16; ++i)
                  weight[i] = absolute(x[i]);
              },
              {-0.5f, 0.1f, 15, /*absoluteError=*/true});
    for (int j = 0; j < 16; ++j) {
      Ints packed = (fit.scaleLevels[j] | fit.minimumLevels[j] << 4) & 255;
      block[offsetof(Block, scales) + j] = toBytes(packed);
      fit.scaleLevels[j] = packed & 15;
      fit.minimumLevels[j] = packed >> 4;
    }
    fit.requantize(input.weights);
    storeCrumbs(fit.codes, 0, block + offsetof(Block, q));
    storeHalf(block + offsetof(Block, d), fit.d);
    storeHalf(block + offsetof(Block, dmin), fit.dmin);
  }

  static void unpack(const Block &block, qopt::BlockParts &parts) {
    parts.d = block.d;
    parts.dmin = block.dmin;
    for (int j = 0; j < 16; ++j) {
      parts.levels[j] = block.scales[j] & 15;
      parts.minimumLevels[j] = block.scales[j] >> 4;
    }
    for (int i = 0; i < elements; ++i)
      parts.codes[i] = uint8_t(crumb(block.q, i));
  }
  static void pack(const qopt::BlockParts &parts, Block &block) {
    block.d = parts.d;
    block.dmin = parts.dmin;
    for (int j = 0; j < 16; ++j)
      block.scales[j] = uint8_t(parts.levels[j] | parts.minimumLevels[j] << 4);
    storeCrumbs(parts.codes, 0, block.q);
  }
};
static_assert(sizeof(Q2_K::Block) == 84 && alignof(Q2_K::Block) == 2);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowQ2_K =
    makeRow<Q2_K>(GgufType::Q2_K, "q2_k", "Q2_K");
constinit const qopt::BlockGrid qopt::detail::QOPT_CODECS::gridQ2_K =
    makeGrid<Q2_K>(16, {0, 15}, {0, 15}, 4, 0);
