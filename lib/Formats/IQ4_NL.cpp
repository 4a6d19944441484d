//===- IQ4_NL.cpp - 32 weights of 4 bits, nonlinear -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d value[q]
//
//===----------------------------------------------------------------------===//
#include "NonlinearCodes.h"

namespace {
struct IQ4_NL {
  struct Block {
    uint16_t d;    // f16
    uint8_t q[16]; // nibbles
  };
  static constexpr int elements = 32;

  static void decode(const Block &block, float *target) {
    float d = f16ToF32(block.d);
    decodeNibbles(block.q, target, [&](int, int code) {
      return d * float(nonlinearValues[code]);
    });
  }

  static void encode(const BlockInput &input, Bytes *block) {
    const Floats *w = input.weights;
    Floats weight[elements];
    weighNonlinear(w, input.importance, nonlinearEnergy<elements>(w), weight);
    Floats d = searchNonlinear(w, weight);
    Floats inverse = reciprocalOrZero(d);
    Bytes codes[elements];
    for (int j = 0; j < elements; ++j)
      codes[j] = toBytes(NearestValue(inverse * w[j]).code);
    storeHalf(block + offsetof(Block, d), f32ToF16(d));
    storeNibbles(codes, block + offsetof(Block, q));
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
static_assert(sizeof(IQ4_NL::Block) == 18 && alignof(IQ4_NL::Block) == 2);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowIQ4_NL =
    makeRow<IQ4_NL>(GgufType::IQ4_NL, "iq4_nl", "IQ4_NL");
constinit const qopt::BlockGrid qopt::detail::QOPT_CODECS::gridIQ4_NL =
    makeGrid<IQ4_NL>(32, {1, 1}, {0, 0}, 16, 0, nonlinearBytes);
