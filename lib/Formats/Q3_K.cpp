//===- Q3_K.cpp - 256 weights of 3 bits in 16 sub-blocks ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     w_hat = d (s_j - 32) (q - 4),   j = weight / 16
//
// Without importance the codes of a sub-block are found by coordinate descent,
// and the scale of largest magnitude gets level s_j = 0; otherwise both the
// codes and the levels are searched for.
//
//===----------------------------------------------------------------------===//
#include "SuperBlock.h"

namespace {
struct Q3_K {
  struct Block {
    uint8_t qh[32];     // third bits: weight l + 32 k in bit k of byte l
    uint8_t q[64];      // two bits of every weight
    uint8_t scales[12]; // s_j: the low nibbles j and j + 8 in byte j, the upper
                        // bits of j + 4 k in the bits 2 k of byte 8 + j
    uint16_t d;         // f16
  };
  static constexpr int elements = superBlockElements;
  static constexpr int subBlocks = 16, subElements = 16;
  static constexpr bool fetchesAhead = true;
  using Descent = SymmetricDescent<subElements, 4>;

  static void decode(const Block &block, float *target) {
    for (int j = 0; j < subBlocks; ++j) {
      float scale = f16ToF32(block.d) * level(block, j);
      const CrumbRun q(block.q, 16 * j);
      const uint8_t *thirds = block.qh + 16 * j % 32;
      decodeRun<16>(target + 16 * j, [&](int l) {
        int third = thirds[l] >> j / 2 & 1;
        return scale * float((q[l] | third << 2) - 4);
      });
    }
  }

  /// Levels 0 … 63 as 12 bytes, of one block (int) or a block per lane (Ints).
  template <typename Level>
  static void packLevels(const Level *levels, Level *packed) {
    for (int j = 0; j < 8; ++j)
      packed[j] = (levels[j] & 15) | (levels[j + 8] & 15) << 4;
    for (int j = 0; j < 4; ++j) {
      packed[8 + j] = 0;
      for (int k = 0; k < 4; ++k)
        packed[8 + j] |= levels[j + 4 * k] >> 4 << 2 * k;
    }
  }
  static int level(const Block &block, int j) {
    int low = block.scales[j % 8] >> j / 8 * 4 & 15;
    int high = block.scales[8 + j % 4] >> j / 4 * 2 & 3;
    return (low | high << 4) - 32;
  }
  template <typename Byte>
  static void storeThirds(const Byte *codes, Byte *target) {
    for (int l = 0; l < 32; ++l) {
      Byte thirds = 0;
      for (int k = 0; k < 8; ++k)
        thirds |= (codes[l + 32 * k] >> 2) << k;
      target[l] = thirds;
    }
  }

  /// Levels 0 … 63; returns d.
  static Floats fit(const BlockInput &input, Ints *levels) {
    Floats scales[subBlocks];
    Descent::findScales<subBlocks>(input.weights, input.addresses, input.ahead,
                                   scales);
    Floats largest = findExtreme<subBlocks>(scales).value;
    Floats inverse = -32.0f / largest;
    for (int j = 0; j < subBlocks; ++j) {
      Ints level = signedByte(roundToEven(inverse * scales[j]));
      levels[j] = select(largest != 0.0f, clamp(level, -32, 31) + 32, Ints(0));
    }
    return select(largest != 0.0f, 1.0f / inverse, Floats(0.0f));
  }

  static Floats fitByImportance(const BlockInput &input, Bytes *codes,
                                Ints *levels) {
    const Floats energy =
        2.0f * sumOfSquares<elements>(input.weights) / float(elements);
    Floats scales[subBlocks], sums[subBlocks], weight[subElements];
    for (int j = 0; j < subBlocks; ++j) {
      const Floats *x = input.weights + 16 * j;
      weighByImportance<subElements>(x, input.importance + 16 * j, energy,
                                     weight);
      sums[j] = 0.0f;
      for (int i = 0; i < subElements; ++i)
        sums[j] += weight[i];
      scales[j] = searchSymmetric<subElements, 4>(x, weight, codes + 16 * j);
      input.ahead.fetch(lanes * subElements * 3 / 4);
    }
    Bytes searched[subBlocks];
    Floats d = searchSymmetric<subBlocks, 32>(scales, sums, searched);
    for (int j = 0; j < subBlocks; ++j)
      levels[j] = toInts(searched[j]);
    return d;
  }

  static void encode(const BlockInput &input, Bytes *block) {
    Bytes codes[elements];
    Ints levels[subBlocks];
    Ints d = f32ToF16(input.importance ? fitByImportance(input, codes, levels)
                                       : fit(input, levels));
    Ints packed[12];
    packLevels(levels, packed);
    for (int i = 0; i < 12; ++i)
      block[offsetof(Block, scales) + i] = toBytes(packed[i]);
    for (Ints &level : levels)
      level -= 32;
    requantizeSymmetric<subElements, 4>(
        input, d, levels,
        [&](int j, Bytes *searched) {
          if (!input.importance)
            Descent::findCodes(input.weights + j * subElements, searched);
        },
        codes);
    storeThirds(codes, block + offsetof(Block, qh));
    storeCrumbs(codes, 0, block + offsetof(Block, q));
    storeHalf(block + offsetof(Block, d), d);
  }

  static void unpack(const Block &block, qopt::BlockParts &parts) {
    parts.d = block.d;
    for (int j = 0; j < subBlocks; ++j)
      parts.levels[j] = int8_t(level(block, j));
    for (int i = 0; i < elements; ++i) {
      int third = block.qh[i % 32] >> i / 32 & 1;
      parts.codes[i] = uint8_t(crumb(block.q, i) | third << 2);
    }
  }
  static void pack(const qopt::BlockParts &parts, Block &block) {
    block.d = parts.d;
    int levels[subBlocks], packed[12];
    for (int j = 0; j < subBlocks; ++j)
      levels[j] = parts.levels[j] + 32;
    packLevels(levels, packed);
    for (int i = 0; i < 12; ++i)
      block.scales[i] = uint8_t(packed[i]);
    storeThirds(parts.codes, block.qh);
    storeCrumbs(parts.codes, 0, block.q);
  }
};
static_assert(sizeof(Q3_K::Block) == 110 && alignof(Q3_K::Block) == 2);
} // namespace

constinit const qopt::FormatRow qopt::detail::QOPT_CODECS::rowQ3_K =
    makeRow<Q3_K>(GgufType::Q3_K, "q3_k", "Q3_K");
constinit const qopt::BlockGrid qopt::detail::QOPT_CODECS::gridQ3_K =
    makeGrid<Q3_K>(16, {-32, 31}, {0, 0}, 8, -4);
