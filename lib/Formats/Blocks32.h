//===- Blocks32.h - blocks of 32 weights with one scale ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// What the types with blocks of 32 weights share. Codes are stored as nibbles:
// weight j in the low half of byte j, weight j + 16 in its high half; fifth
// bits apart, weight j in bit j of 32.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_BLOCKS32_H
#define QOPT_LIB_FORMATS_BLOCKS32_H

#include "AffineSearch.h"
#include "Codec.h"
#include "ScaleSearch.h"

#include <float.h>

namespace {

inline int nibble(const uint8_t *q, int weight) {
  return weight < 16 ? q[weight] & 15 : q[weight - 16] >> 4;
}
/// Stores what `decode` gives for each of 32 weights and its nibble.
template <typename Decode>
void decodeNibbles(const uint8_t *q, float *target, Decode decode) {
  decodeRun<16>(target, [&](int j) { return decode(j, q[j] & 15); });
  decodeRun<16>(target + 16, [&](int j) { return decode(j + 16, q[j] >> 4); });
}
inline int fifthBit(const uint8_t *qh, int weight) {
  return qh[weight / 8] >> weight % 8 & 1;
}

template <typename Byte> void storeNibbles(const Byte *codes, Byte *target) {
  for (int j = 0; j < 16; ++j)
    target[j] = (codes[j] & 15) | codes[j + 16] << 4;
}
template <typename Byte> void storeFifthBits(const Byte *codes, Byte *target) {
  for (int byte = 0; byte < 4; ++byte) {
    Byte bits = 0;
    for (int j = 0; j < 8; ++j)
      bits |= (codes[8 * byte + j] >> 4 & 1) << j;
    target[byte] = bits;
  }
}

/// Codes q of w_hat = d (q - half). Without importance the weight of largest
/// magnitude (the first of several) gets code 0, so that d = w_max / -half, and
/// q = min(2 half - 1, trunc(w / d + half + 0.5)); otherwise d is searched for.
/// Returns d.
template <int half>
Floats encodeSymmetric(const BlockInput &input, Bytes *codes) {
  const Floats *w = input.weights;
  if (input.importance) {
    Floats weight[32];
    weighByImportance<32>(w, input.importance, input.rowMeanSquare, weight);
    return searchSymmetric<32, half>(w, weight, codes);
  }
  Floats d = findExtreme<32>(w).value / -float(half);
  Floats reciprocal = reciprocalOrZero(d);
  for (int j = 0; j < 32; ++j) {
    Ints truncated = truncateToInt(w[j] * reciprocal + (half + 0.5f));
    codes[j] = toBytes(atMost(signedByte(truncated), 2 * half - 1));
  }
  return d;
}

/// w_hat = d q + m.
struct ScaleAndOffset {
  Floats d, m;
};

/// Codes q of w_hat = d q + m. Without importance m = min w,
/// d = (max w - m) / maxCode and q = min(maxCode, trunc((w - m) / d + 0.5));
/// otherwise both are searched for.
template <int maxCode>
ScaleAndOffset encodeAffine(const BlockInput &input, Bytes *codes) {
  const Floats *w = input.weights;
  if (input.importance) {
    Floats weight[32];
    weighByImportance<32>(w, input.importance, input.rowMeanSquare, weight);
    AffineFit fit;
    searchAffine<32, maxCode, 1>(
        w, weight, {-0.9f, 0.05f, 36, /*absoluteError=*/false}, codes, &fit);
    return {fit.scale, -fit.minimum};
  }
  Floats lowest = FLT_MAX, highest = -FLT_MAX;
  for (int j = 0; j < 32; ++j) {
    lowest = select(w[j] < lowest, w[j], lowest);
    highest = select(w[j] > highest, w[j], highest);
  }
  Floats d = (highest - lowest) / float(maxCode);
  Floats reciprocal = reciprocalOrZero(d);
  for (int j = 0; j < 32; ++j) {
    Ints truncated = truncateToInt((w[j] - lowest) * reciprocal + 0.5f);
    codes[j] = toBytes(atMost(signedByte(truncated), maxCode));
  }
  return {d, lowest};
}

} // namespace

#endif // QOPT_LIB_FORMATS_BLOCKS32_H
