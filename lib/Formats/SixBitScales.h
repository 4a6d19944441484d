//===- SixBitScales.h - eight scales and minima in 12 bytes --*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Q4_K and Q5_K: scale s_j and minimum m_j of sub-block j, of 6 bits each. The
// first four stand in the low bits of their bytes; the others are cut into
// nibbles, which share bytes 8 to 11, and their upper two bits, which fill the
// free bits of bytes 0 to 7:
//
//     byte j      s_j       | s_(j+4) >> 4 << 6        j < 4
//     byte j + 4  m_j       | m_(j+4) >> 4 << 6
//     byte j + 8  s_(j+4) & 15 | (m_(j+4) & 15) << 4
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_SIXBITSCALES_H
#define QOPT_LIB_FORMATS_SIXBITSCALES_H

#include "SuperBlock.h"

namespace {

/// Reads bytes of one block (uint8_t) or of a block per lane (Ints).
template <typename Byte>
void unpackSixBitScales(const Byte *packed, Byte *scales, Byte *minima) {
  for (int j = 0; j < 4; ++j) {
    scales[j] = packed[j] & 63;
    minima[j] = packed[j + 4] & 63;
    scales[j + 4] = (packed[j + 8] & 15) | (packed[j] >> 6) << 4;
    minima[j + 4] = (packed[j + 8] >> 4) | (packed[j + 4] >> 6) << 4;
  }
}

/// Packs levels into bytes, of one block (int) or of a block per lane (Ints).
template <typename Level>
void packSixBitScales(const Level *scales, const Level *minima, Level *packed) {
  for (int j = 0; j < 4; ++j) {
    packed[j] = (scales[j] | (scales[j + 4] >> 4) << 6) & 255;
    packed[j + 4] = (minima[j] | (minima[j + 4] >> 4) << 6) & 255;
    packed[j + 8] = (scales[j + 4] & 15) | (minima[j + 4] & 15) << 4;
  }
}
/// Packs levels that are bytes, and reads them back: a level above 63 spills
/// into its neighbour.
inline void packSixBitScales(Ints *scales, Ints *minima, Bytes *target) {
  Ints packed[12];
  packSixBitScales<Ints>(scales, minima, packed);
  for (int i = 0; i < 12; ++i)
    target[i] = toBytes(packed[i]);
  unpackSixBitScales(packed, scales, minima);
}

/// What Q4_K and Q5_K are but for the packing of the codes.
template <int maxCode>
struct SixBitSuperBlock : AffineSuperBlock<32, maxCode, 63> {
  /// Encodes all but the codes. `packed` is 12 bytes. `clampSearched` limits
  /// the levels found with importance, which can exceed 63 only where a scale
  /// comes out negative.
  void encode(const BlockInput &input, AffineCandidates candidates,
              bool clampSearched, Bytes *packed) {
    bool clampLevels = true;
    if (input.importance) {
      this->fit(input, 2.0f);
      clampLevels = clampSearched;
    } else {
      this->fit(
          input.weights,
          [](const Floats *x, Floats *weight) {
            Floats rootMeanSquare = squareRoot(sumOfSquares<32>(x) / 32.0f);
            for (int i = 0; i < 32; ++i)
              weight[i] = rootMeanSquare + absolute(x[i]);
          },
          candidates);
    }
    if (clampLevels)
      for (int j = 0; j < 8; ++j) {
        this->scaleLevels[j] = atMost(this->scaleLevels[j], 63);
        this->minimumLevels[j] = atMost(this->minimumLevels[j], 63);
      }
    packSixBitScales(this->scaleLevels, this->minimumLevels, packed);
    this->requantize(input.weights);
  }
};

/// Stores the low four bits of the codes in 128 bytes: byte l of each 64
/// weights holds weight l and, in its high half, weight l + 32.
template <typename Byte>
void storeNibblePairs(const Byte *codes, Byte *target) {
  for (int first = 0; first < superBlockElements; first += 64)
    for (int l = 0; l < 32; ++l)
      target[first / 2 + l] = (codes[first + l] & 15) | codes[first + l + 32]
                                                            << 4;
}
inline int pairedNibble(const uint8_t *q, int weight) {
  return q[weight / 64 * 32 + weight % 32] >> weight % 64 / 32 * 4 & 15;
}

/// The six-bit scales of one block as levels, and back.
inline void unpackLevels(const uint8_t *packed, qopt::BlockParts &parts) {
  uint8_t scales[8];
  unpackSixBitScales(packed, scales, parts.minimumLevels);
  for (int j = 0; j < 8; ++j)
    parts.levels[j] = int8_t(scales[j]);
}
inline void packLevels(const qopt::BlockParts &parts, uint8_t *target) {
  int scales[8], minima[8], packed[12];
  for (int j = 0; j < 8; ++j) {
    scales[j] = parts.levels[j];
    minima[j] = parts.minimumLevels[j];
  }
  packSixBitScales<int>(scales, minima, packed);
  for (int i = 0; i < 12; ++i)
    target[i] = uint8_t(packed[i]);
}

} // namespace

#endif // QOPT_LIB_FORMATS_SIXBITSCALES_H
