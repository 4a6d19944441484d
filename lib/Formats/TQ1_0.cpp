//===- TQ1_0.cpp - 256 weights of -1, 0 or 1, five in a byte --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d (q - 1)
//
// A byte holds five base-3 digits as the fraction 0.t0 t1 t2 t3 t4, rounded up
// to 8 bits: digit n is the integer part of 3 · frac(3^n · byte / 256). The
// digits of a byte are weights a fixed distance apart.
//
//===----------------------------------------------------------------------===//
#include "Ternary.h"

namespace {
struct TQ1_0 {
  struct Block {
    uint8_t q[48]; // 5 digits
    uint8_t qh[4]; // 4 digits
    uint16_t d;    // f16
  };
  static constexpr int elements = 256;
  static constexpr bool fetchesAhead = true;

  /// Bytes `first` … `first + distance` of the block hold the weights from
  /// `weight` on, `distance` apart.
  struct Run {
    int first, weight, distance, digits;
  };
  static constexpr Run runs[] = {
      {0, 0, 32, 5}, {32, 160, 16, 5}, {48, 240, 4, 4}};

  static void decode(const Block &block, float *target) {
    constexpr uint8_t powers[] = {1, 3, 9, 27, 81};
    const float d = f16ToF32(block.d);
    const uint8_t *bytes = block.q; // qh follows
    for (auto [first, weight, distance, digits] : runs)
      for (int n = 0; n < digits; ++n)
        for (int m = 0; m < distance; ++m) {
          uint8_t fraction = bytes[first + m] * powers[n];
          int digit = fraction * 3 >> 8;
          target[weight + n * distance + m] = float(digit - 1) * d;
        }
  }

  static void encode(const BlockInput &input, Bytes *block) {
    Ints codes[elements];
    Floats d = encodeTernary<elements>(input, codes);
    for (auto [first, weight, distance, digits] : runs)
      for (int m = 0; m < distance; ++m) {
        Ints number = 0; // of five digits, below 243
        for (int n = 0; n < 5; ++n)
          number = number * 3 +
                   (n < digits ? codes[weight + n * distance + m] : Ints(0));
        block[first + m] = toBytes((number * 256 + 242) / 243);
      }
    storeHalf(block + offsetof(Block, d), f32ToF16(d));
  }
};
static_assert(sizeof(TQ1_0::Block) == 54 && alignof(TQ1_0::Block) == 2 &&
              offsetof(TQ1_0::Block, qh) == sizeof(TQ1_0::Block::q));
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowTQ1_0 =
    makeRow<TQ1_0>(GgufType::TQ1_0, "tq1_0", "TQ1_0");
