//===- Q6_K.cpp - 256 weights of 6 bits in 16 sub-blocks ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d s_j (q - 32),   j = weight / 16,   s_j in -128 … 127
//
// The scale of largest magnitude gets s_j = -128. Without importance an error
// weighs w²; with it, the importance alone.
//
//===----------------------------------------------------------------------===//
#include "SuperBlock.h"

namespace {
struct Q6_K {
  struct Block {
    uint8_t ql[128]; // low nibbles: of each 128 weights, weight l (l < 64) in
                     // byte l and weight l + 64 in its high half
    uint8_t qh[64];  // the upper two bits of every weight
    int8_t scales[16];
    uint16_t d; // f16
  };
  static constexpr int elements = superBlockElements;
  static constexpr bool fetchesAhead = true;
  static constexpr int subBlocks = 16, subElements = 16;

  static int code(const Block &block, int i) {
    int low = block.ql[i / 128 * 64 + i % 64] >> i % 128 / 64 * 4 & 15;
    return low | crumb(block.qh, i) << 4;
  }
  template <typename Byte>
  static void storeLow(const Byte *codes, Byte *target) {
    for (int first = 0; first < elements; first += 128)
      for (int l = 0; l < 64; ++l)
        target[first / 2 + l] = (codes[first + l] & 15) | codes[first + l + 64]
                                                              << 4;
  }

  static void decode(const Block &block, float *target) {
    for (int j = 0; j < subBlocks; ++j) {
      const float scale = f16ToF32(block.d) * block.scales[j];
      const uint8_t *low = block.ql + j / 8 * 64 + j % 4 * 16;
      const int shift = j % 8 / 4 * 4;
      const CrumbRun high(block.qh, 16 * j);
      decodeRun<16>(target + 16 * j, [&](int l) {
        int q = (low[l] >> shift & 15) | high[l] << 4;
        return scale * float(q - 32);
      });
    }
  }

  static void encode(const BlockInput &input, Bytes *block) {
    const Floats *w = input.weights;
    Bytes codes[elements];
    Floats scales[subBlocks], squares[subElements];
    for (int j = 0; j < subBlocks; ++j) {
      const Floats *weight = squares;
      if (input.importance)
        weight = input.importance + 16 * j;
      else
        for (int i = 0; i < subElements; ++i)
          squares[i] = w[16 * j + i] * w[16 * j + i];
      scales[j] =
          searchSymmetric<subElements, 32>(w + 16 * j, weight, codes + 16 * j);
      input.ahead.fetch(lanes * subElements * 3 / 4);
    }
    Extreme largest = findExtreme<subBlocks>(scales);
    Ints vanishing = largest.magnitude < negligible;
    Floats inverse = -128.0f / largest.value;
    Ints levels[subBlocks];
    for (int j = 0; j < subBlocks; ++j) {
      Ints level = signedByte(atMost(roundToEven(inverse * scales[j]), 127));
      levels[j] = select(vanishing, Ints(0), level);
      block[offsetof(Block, scales) + j] = toBytes(levels[j]);
    }
    Ints d = select(vanishing, Ints(0), f32ToF16(1.0f / inverse));
    requantizeSymmetric<subElements, 32>(
        input, d, levels, [](int, Bytes *) { /* they are there */ }, codes);
    // A block that vanishes is all zero bytes, not zero weights.
    for (Bytes &code : codes)
      code = toBytes(select(vanishing, Ints(0), toInts(code)));

    storeLow(codes, block + offsetof(Block, ql));
    storeCrumbs(codes, 4, block + offsetof(Block, qh));
    storeHalf(block + offsetof(Block, d), d);
  }

  static void unpack(const Block &block, qopt::BlockParts &parts) {
    parts.d = block.d;
    for (int j = 0; j < subBlocks; ++j)
      parts.levels[j] = block.scales[j];
    for (int i = 0; i < elements; ++i)
      parts.codes[i] = uint8_t(code(block, i));
  }
  static void pack(const qopt::BlockParts &parts, Block &block) {
    block.d = parts.d;
    for (int j = 0; j < subBlocks; ++j)
      block.scales[j] = parts.levels[j];
    storeLow(parts.codes, block.ql);
    storeCrumbs(parts.codes, 4, block.qh);
  }
};
static_assert(sizeof(Q6_K::Block) == 210 && alignof(Q6_K::Block) == 2);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowQ6_K =
    makeRow<Q6_K>(GgufType::Q6_K, "q6_k", "Q6_K");
constinit const qopt::BlockGrid qopt::detail::QOPT_CODECS::gridQ6_K =
    makeGrid<Q6_K>(16, {-128, 127}, {0, 0}, 64, -32);
