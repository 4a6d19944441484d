//===- Q4_0.cpp - 32 weights of 4 bits with one scale ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d (q - 8)
//
//===----------------------------------------------------------------------===//
#include "Blocks32.h"
#include "InRows32.h"

namespace {
struct Q4_0 {
  struct Block {
    uint16_t d;    // f16
    uint8_t q[16]; // nibbles
  };
  static constexpr int elements = 32;

  static void decode(const Block &block, float *target) {
    float d = f16ToF32(block.d);
    for (int j = 0; j < elements; ++j)
      target[j] = d * float(nibble(block.q, j) - 8);
  }

  static void encode(const BlockInput &input, Bytes *block) {
    Bytes codes[elements];
    Floats d = encodeSymmetric<8>(input, codes);
    storeHalf(block + offsetof(Block, d), f32ToF16(d));
    storeNibbles(codes, block + offsetof(Block, q));
  }

  static bool encodeInRows(const float *source, uint8_t *target) {
    return encodeSymmetricInRows<8>(source, target);
  }

  static void unpack(const Block &block, qopt::BlockParts &parts) {
    parts.d = block.d;
    parts.levels[0] = 1;
    for (int j = 0; j < elements; ++j)
      parts.codes[j] = uint8_t(nibble(block.q, j));
  }
  static void pack(const qopt::BlockParts &parts, Block &block) {
    block.d = parts.d;
    storeNibbles(parts.codes, block.q);
  }
};
static_assert(sizeof(Q4_0::Block) == 18 && alignof(Q4_0::Block) == 2);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowQ4_0 =
    makeRow<Q4_0>(GgufType::Q4_0, "q4_0", "Q4_0");
constinit const qopt::BlockGrid qopt::detail::QOPT_CODECS::gridQ4_0 =
    makeGrid<Q4_0>(32, {1, 1}, {0, 0}, 16, -8);
