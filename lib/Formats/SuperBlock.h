//===- SuperBlock.h - 256 weights with two levels of scales --*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The K-quants cut 256 weights into sub-blocks. Each has a scale (and a
// minimum) that is itself quantized, against one f16 per super-block:
//
//     affine      w_hat = d level q - dmin minimumLevel       Q2_K, Q4_K, Q5_K
//     symmetric   w_hat = d level (q - half)                  Q3_K, Q6_K
//
// Encoding finds scales for each sub-block, quantizes them, and then rounds the
// weights again, to the scales as they are stored. Where a stored scale is 0
// the codes of the search stay.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_SUPERBLOCK_H
#define QOPT_LIB_FORMATS_SUPERBLOCK_H

#include "AffineSearch.h"
#include "Codec.h"
#include "ScaleSearch.h"

namespace {

constexpr int superBlockElements = 256;

/// Levels are bytes: what a format has no room for it must cut off itself.
template <int subElements, int maxCode, int maxLevel> struct AffineSuperBlock {
  static constexpr int subBlocks = superBlockElements / subElements;
  static constexpr int abreast = 2; // sub-blocks searched side by side
  using Levels = Ints[subBlocks];

  Ints d, dmin; // f16
  Levels scaleLevels, minimumLevels;
  Bytes codes[superBlockElements];

  /// `weigh(x, weight)` sets the weights of the errors of a sub-block. The
  /// largest scale and the largest minimum get maxLevel.
  template <typename Weigh>
  void fit(const Floats *w, Weigh weigh, AffineCandidates candidates) {
    Floats scales[subBlocks], minima[subBlocks], weight[abreast * subElements];
    for (int j = 0; j < subBlocks; j += abreast) {
      const Floats *x = w + j * subElements;
      for (int g = 0; g < abreast; ++g)
        weigh(x + g * subElements, weight + g * subElements);
      AffineFit fits[abreast];
      searchAffine<subElements, maxCode, abreast>(
          x, weight, candidates, codes + j * subElements, fits);
      for (int g = 0; g < abreast; ++g) {
        scales[j + g] = fits[g].scale;
        minima[j + g] = fits[g].minimum;
      }
    }
    d = quantizeByLargest(scales, scaleLevels);
    dmin = quantizeByLargest(minima, minimumLevels);
  }

  /// Weights by importance · √(energy + x²), where energy is the mean square of
  /// the super-block times `energyFactor`; a scale weighs what its weights do.
  void fit(const BlockInput &input, float energyFactor) {
    const Floats energy = energyFactor *
                          sumOfSquares<superBlockElements>(input.weights) /
                          float(superBlockElements);
    Floats scales[subBlocks], minima[subBlocks], sums[subBlocks];
    Floats weight[abreast * subElements];
    for (int j = 0; j < subBlocks; j += abreast) {
      const int first = j * subElements;
      weighByImportance<abreast * subElements>(
          input.weights + first, input.importance + first, energy, weight);
      for (int g = 0; g < abreast; ++g) {
        sums[j + g] = 0.0f;
        for (int i = 0; i < subElements; ++i)
          sums[j + g] += weight[g * subElements + i];
      }
      AffineFit fits[abreast];
      searchAffine<subElements, maxCode, abreast>(input.weights + first, weight,
                                                  {-0.9f, 0.05f, 36, false},
                                                  codes + first, fits);
      for (int g = 0; g < abreast; ++g) {
        scales[j + g] = fits[g].scale;
        minima[j + g] = fits[g].minimum;
      }
    }
    d = f32ToF16(
        searchPositive<subBlocks, maxLevel>(scales, sums, scaleLevels));
    dmin = f32ToF16(
        searchPositive<subBlocks, maxLevel>(minima, sums, minimumLevels));
  }

  /// Rounds the weights to the grid of the levels.
  void requantize(const Floats *w) {
    for (int j = 0; j < subBlocks; ++j) {
      Floats scale = f16ToF32(d) * toFloats(scaleLevels[j]);
      Floats minimum = f16ToF32(dmin) * toFloats(minimumLevels[j]);
      for (int i = j * subElements; i < (j + 1) * subElements; ++i) {
        Ints code = clamp(roundToEven((w[i] + minimum) / scale), 0, maxCode);
        codes[i] = toBytes(select(scale == 0.0f, toInts(codes[i]), code));
      }
    }
  }

private:
  static Ints quantizeByLargest(const Floats *values, Ints *levels) {
    Floats largest = 0.0f;
    for (int j = 0; j < subBlocks; ++j)
      largest = select(values[j] > largest, values[j], largest);
    Floats inverse =
        select(largest > 0.0f, float(maxLevel) / largest, Floats(0.0f));
    for (int j = 0; j < subBlocks; ++j)
      levels[j] = roundToEven(inverse * values[j]) & 255;
    return f32ToF16(largest / float(maxLevel));
  }
};

/// Codes + half of w / scale by a product with 1 / scale, a few units in the
/// last place from the quotient. Returns false, and the codes are void, if one
/// lies so close to a half that it might be rounded otherwise, or is NaN.
template <int count, int half>
bool roundByReciprocal(const Floats *w, Floats scale, Bytes *codes) {
  constexpr float shift = 12582912.0f + half; // see roundToEven
  const Floats inverse = 1.0f / scale;
  Ints furthest = 0; // bits of |quotient - code|, so that NaN is the largest
  for (int i = 0; i < count; ++i) {
    const Floats quotient = w[i] * inverse;
    Floats shifted = quotient + shift;
    const Ints distance = bitsOf(absolute(quotient - (shifted - shift)));
    furthest = __builtin_elementwise_max(furthest, distance);
    shifted =
        select(shifted < shift + half - 1, shifted, Floats(shift + half - 1));
    shifted = select(shifted > shift - half, shifted, Floats(shift - half));
    codes[i] = toBytes(bitsOf(shifted));
  }
  return !any(furthest > bitsOf(Floats(0.5f - half * 0x1p-20f)));
}

/// Rounds the weights of a symmetric super-block to d · level; d is f16. For
/// sub-blocks with a scale of 0, search(j, codes) writes their codes. Fetches
/// the last quarter of the next blocks.
template <int subElements, int half, typename Search>
void requantizeSymmetric(const BlockInput &input, Ints d, const Ints *levels,
                         Search search, Bytes *codes) {
  for (int j = 0; j < superBlockElements / subElements; ++j) {
    input.ahead.fetch(lanes * subElements / 4);
    const Floats scale = f16ToF32(d) * toFloats(levels[j]);
    const Floats *own = input.weights + j * subElements;
    Bytes *target = codes + j * subElements;
    const Ints zero = scale == 0.0f;
    if (any(zero))
      search(j, target);
    else if (roundByReciprocal<subElements, half>(own, scale, target))
      continue;
    for (int i = 0; i < subElements; ++i) {
      Ints code = clamp(roundToEven(own[i] / scale), -half, half - 1) + half;
      target[i] = toBytes(select(zero, toInts(target[i]), code));
    }
  }
}

// Two bits of every weight: byte l of each half of the super-block (128
// weights) holds weights l, l + 32, l + 64 and l + 96 of it, lowest bits first.

inline int crumb(const uint8_t *q, int weight) {
  return q[weight / 128 * 32 + weight % 32] >> weight % 128 / 32 * 2 & 3;
}
/// The crumbs of up to 32 weights from a multiple of 16 on, which lie in bytes
/// that follow each other: what a compiler needs to know to use vectors.
struct CrumbRun {
  CrumbRun(const uint8_t *q, int first)
      : bytes(q + first / 128 * 32 + first % 32), shift(first % 128 / 32 * 2) {}
  int operator[](int l) const { return bytes[l] >> shift & 3; }
  const uint8_t *bytes;
  int shift;
};
/// Stores the bits `shift` and `shift + 1` of the codes in 64 bytes.
/// Byte is Bytes, or uint8_t for one block.
template <typename Byte>
void storeCrumbs(const Byte *codes, int shift, Byte *target) {
  for (int first = 0; first < superBlockElements; first += 128)
    for (int l = 0; l < 32; ++l) {
      Byte packed = 0;
      for (int k = 0; k < 4; ++k)
        packed |= (codes[first + l + 32 * k] >> shift & 3) << 2 * k;
      target[first / 4 + l] = packed;
    }
}

} // namespace

#endif // QOPT_LIB_FORMATS_SUPERBLOCK_H
