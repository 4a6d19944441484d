//===- IQ4_XS.cpp - 256 weights of 4 bits, nonlinear ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d (s_j - 32) value[q],   j = weight / 32
//
// The scale of largest magnitude gets s_j = 0. The codes are rounded to the
// scale before d is rounded to f16.
//
//===----------------------------------------------------------------------===//
#include "NonlinearCodes.h"

namespace {
struct IQ4_XS {
  struct Block {
    uint16_t d;           // f16
    uint16_t scalesHigh;  // the upper bits of s_j in the bits 2 j
    uint8_t scalesLow[4]; // nibbles: s_2j, then s_(2j + 1)
    uint8_t q[128];       // nibbles of each 32 weights
  };
  static constexpr int elements = 256, subBlocks = 8;

  static void decode(const Block &block, float *target) {
    for (int j = 0; j < subBlocks; ++j) {
      int low = block.scalesLow[j / 2] >> j % 2 * 4 & 15;
      int level = low | (block.scalesHigh >> 2 * j & 3) << 4;
      float scale = f16ToF32(block.d) * float(level - 32);
      decodeNibbles(block.q + 16 * j, target + 32 * j, [&](int, int code) {
        return scale * float(nonlinearValues[code]);
      });
    }
  }

  static void encode(const BlockInput &input, Bytes *block) {
    const Floats *w = input.weights;
    const Floats energy = nonlinearEnergy<elements>(w);
    Floats scales[subBlocks], weight[32];
    for (int j = 0; j < subBlocks; ++j) {
      const Floats *importance =
          input.importance ? input.importance + 32 * j : nullptr;
      weighNonlinear(w + 32 * j, importance, energy, weight);
      scales[j] = searchNonlinear(w + 32 * j, weight);
    }
    Floats d = -findExtreme<subBlocks>(scales).value / 32.0f;
    Floats inverse = reciprocalOrZero(d);
    Ints low[subBlocks], high = 0;
    for (int j = 0; j < subBlocks; ++j) {
      Ints level = clamp(roundToEven(inverse * scales[j]), -32, 31);
      low[j] = (level + 32) & 15;
      high |= (level + 32) >> 4 << 2 * j;
      Floats subInverse = reciprocalOrZero(d * toFloats(level));
      Bytes codes[32];
      for (int i = 0; i < 32; ++i)
        codes[i] = toBytes(NearestValue(subInverse * w[32 * j + i]).code);
      storeNibbles(codes, block + offsetof(Block, q) + 16 * j);
    }
    storeHalf(block + offsetof(Block, d), f32ToF16(d));
    storeHalf(block + offsetof(Block, scalesHigh), high);
    for (int j = 0; j < subBlocks; j += 2)
      block[offsetof(Block, scalesLow) + j / 2] =
          toBytes(low[j] | low[j + 1] << 4);
  }

  static void unpack(const Block &block, qopt::BlockParts &parts) {
    parts.d = block.d;
    for (int j = 0; j < subBlocks; ++j) {
      int low = block.scalesLow[j / 2] >> j % 2 * 4 & 15;
      int high = block.scalesHigh >> 2 * j & 3;
      parts.levels[j] = int8_t((low | high << 4) - 32);
    }
    for (int i = 0; i < elements; ++i)
      parts.codes[i] = uint8_t(nibble(block.q + i / 32 * 16, i % 32));
  }
  static void pack(const qopt::BlockParts &parts, Block &block) {
    block = {parts.d, 0, {}, {}};
    for (int j = 0; j < subBlocks; ++j) {
      int level = parts.levels[j] + 32;
      block.scalesLow[j / 2] |= (level & 15) << j % 2 * 4;
      block.scalesHigh |= level >> 4 << 2 * j;
      storeNibbles(parts.codes + 32 * j, block.q + 16 * j);
    }
  }
};
static_assert(sizeof(IQ4_XS::Block) == 136 && alignof(IQ4_XS::Block) == 2);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowIQ4_XS =
    makeRow<IQ4_XS>(GgufType::IQ4_XS, "iq4_xs", "IQ4_XS");
constinit const qopt::BlockGrid qopt::detail::QOPT_CODECS::gridIQ4_XS =
    makeGrid<IQ4_XS>(32, {-32, 31}, {0, 0}, 16, 0, nonlinearBytes);
