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
#include "InRows32.h"

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
    const uint32_t fifths = __builtin_bit_cast(uint32_t, block.qh);
    decodeNibbles(block.q, target, [&](int j, int low) {
      int q = low | int(fifths >> j & 1) << 4;
      return d * float(q) + m;
    });
  }

  static void encode(const BlockInput &input, Bytes *block) {
    Bytes codes[elements];
    auto [d, m] = encodeAffine<31>(input, codes);
    storeHalf(block + offsetof(Block, d), f32ToF16(d));
    storeHalf(block + offsetof(Block, m), f32ToF16(m));
    storeFifthBits(codes, block + offsetof(Block, qh));
    storeNibbles(codes, block + offsetof(Block, q));
  }

  static bool encodeInRows(const float *source, uint8_t *target) {
    return encodeAffineInRows<31>(source, target);
  }

  static void unpack(const Block &block, qopt::BlockParts &parts) {
    parts.d = block.d;
    parts.dmin = block.m ^ 0x8000; // the minimum is -m
    parts.levels[0] = 1;
    parts.minimumLevels[0] = 1;
    for (int j = 0; j < elements; ++j)
      parts.codes[j] = uint8_t(nibble(block.q, j) | fifthBit(block.qh, j) << 4);
  }
  static void pack(const qopt::BlockParts &parts, Block &block) {
    block.d = parts.d;
    block.m = parts.dmin ^ 0x8000;
    storeFifthBits(parts.codes, block.qh);
    storeNibbles(parts.codes, block.q);
  }
};
static_assert(sizeof(Q5_1::Block) == 24 && alignof(Q5_1::Block) == 2);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowQ5_1 =
    makeRow<Q5_1>(GgufType::Q5_1, "q5_1", "Q5_1");
constinit const qopt::BlockGrid qopt::detail::QOPT_CODECS::gridQ5_1 =
    makeGrid<Q5_1>(32, {1, 1}, {1, 1}, 32, 0);
