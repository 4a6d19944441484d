//===- Q5_0.cpp - 32 weights of 5 bits with one scale ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d (q - 16)
//
//===----------------------------------------------------------------------===//
#include "Blocks32.h"
#include "InRows32.h"

namespace {
struct Q5_0 {
  struct Block {
    uint16_t d;    // f16
    uint8_t qh[4]; // fifth bits
    uint8_t q[16]; // nibbles
  };
  static constexpr int elements = 32;

  static void decode(const Block &block, float *target) {
    float d = f16ToF32(block.d);
    const uint32_t fifths = __builtin_bit_cast(uint32_t, block.qh);
    decodeNibbles(block.q, target, [&](int j, int low) {
      int q = low | int(fifths >> j & 1) << 4;
      return d * float(q - 16);
    });
  }

  static void encode(const BlockInput &input, Bytes *block) {
    Bytes codes[elements];
    Floats d = encodeSymmetric<16>(input, codes);
    storeHalf(block + offsetof(Block, d), f32ToF16(d));
    storeFifthBits(codes, block + offsetof(Block, qh));
    storeNibbles(codes, block + offsetof(Block, q));
  }

  static bool encodeInRows(const float *source, uint8_t *target) {
    return encodeSymmetricInRows<16>(source, target);
  }

  static void unpack(const Block &block, qopt::BlockParts &parts) {
    parts.d = block.d;
    parts.levels[0] = 1;
    for (int j = 0; j < elements; ++j)
      parts.codes[j] = uint8_t(nibble(block.q, j) | fifthBit(block.qh, j) << 4);
  }
  static void pack(const qopt::BlockParts &parts, Block &block) {
    block.d = parts.d;
    storeFifthBits(parts.codes, block.qh);
    storeNibbles(parts.codes, block.q);
  }
};
static_assert(sizeof(Q5_0::Block) == 22 && alignof(Q5_0::Block) == 2);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowQ5_0 =
    makeRow<Q5_0>(GgufType::Q5_0, "q5_0", "Q5_0");
constinit const qopt::BlockGrid qopt::detail::QOPT_CODECS::gridQ5_0 =
    makeGrid<Q5_0>(32, {1, 1}, {0, 0}, 32, -16);
