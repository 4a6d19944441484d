//===- TQ2_0.cpp - 256 weights of -1, 0 or 1 in two bits ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d (q - 1)
//
//===----------------------------------------------------------------------===//
#include "SuperBlock.h"
#include "Ternary.h"

namespace {
struct TQ2_0 {
  struct Block {
    uint8_t q[64]; // two bits of every weight
    uint16_t d;    // f16
  };
  static constexpr int elements = superBlockElements;
  static constexpr bool fetchesAhead = true;

  static void decode(const Block &block, float *target) {
    float d = f16ToF32(block.d);
    for (int first = 0; first < elements; first += 32) {
      const CrumbRun q(block.q, first);
      decodeRun<32>(target + first, [&](int l) { return float(q[l] - 1) * d; });
    }
  }

  static void encode(const BlockInput &input, Bytes *block) {
    Ints ternary[elements];
    Floats d = encodeTernary<elements>(input, ternary);
    Bytes codes[elements];
    for (int i = 0; i < elements; ++i)
      codes[i] = toBytes(ternary[i]);
    storeCrumbs(codes, 0, block + offsetof(Block, q));
    storeHalf(block + offsetof(Block, d), f32ToF16(d));
  }
};
static_assert(sizeof(TQ2_0::Block) == 66 && alignof(TQ2_0::Block) == 2);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowTQ2_0 =
    makeRow<TQ2_0>(GgufType::TQ2_0, "tq2_0", "TQ2_0");
