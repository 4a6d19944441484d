//===- InRows32.h - blocks of 32 encoded where they lie ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Types that search for nothing need of a block only its extremes, whatever
// their order, so that their weights need not be turned into lanes: they are
// loaded as they lie, the extremes of `lanes` blocks are reduced together, one
// per lane, and the codes are packed as they come. What hangs on the order
// after all (which of two extremes is the first, the sign of a zero minimum)
// and what overflows or is no number is left to the encoders of Blocks32.h.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_INROWS32_H
#define QOPT_LIB_FORMATS_INROWS32_H

#include "Tiles.h"

namespace {

using IntTile = int32_t __attribute__((ext_vector_type(tile)));
using BitTile = bool __attribute__((ext_vector_type(tile)));

inline FloatTile loadTile(const float *source) {
  FloatTile result;
  __builtin_memcpy(&result, source, sizeof(result));
  return result;
}
inline FloatTile smaller(FloatTile a, FloatTile b) { return a < b ? a : b; }
inline FloatTile larger(FloatTile a, FloatTile b) { return a > b ? a : b; }

/// Combines the elements of each row; row r's go to element r.
template <int step = 1, typename Combine>
FloatTile reduceRows(FloatTile (&rows)[tile], Combine combine) {
  if constexpr (step == tile) {
    return rows[0];
  } else {
#pragma clang loop unroll(full)
    for (int i = 0; i < tile; i += 2 * step) {
      exchange<step>(rows[i], rows[i + step], TileIndices());
      rows[i] = combine(rows[i], rows[i + step]);
    }
    return reduceRows<2 * step>(rows, combine);
  }
}

/// What `lanes` blocks of 32 have as their largest and smallest weights.
struct Extremes {
  Floats high, low;
  bool ordinary; // no NaN and nothing of 2^126 or more

  explicit Extremes(const float *source) {
    IntTile largest = 0; // magnitude, as bits: NaN is larger than all
    for (int first = 0; first < lanes; first += tile) {
      FloatTile highs[tile], lows[tile];
#pragma clang loop unroll(full)
      for (int r = 0; r < tile; ++r) {
        const float *address = source + (first + r) * 32;
        const FloatTile a = loadTile(address), b = loadTile(address + tile);
        highs[r] = larger(a, b);
        lows[r] = smaller(a, b);
        largest = __builtin_elementwise_max(
            largest, __builtin_bit_cast(IntTile, a) & 0x7fffffff);
        largest = __builtin_elementwise_max(
            largest, __builtin_bit_cast(IntTile, b) & 0x7fffffff);
      }
      const FloatTile tileHigh = reduceRows(highs, larger);
      const FloatTile tileLow = reduceRows(lows, smaller);
      __builtin_memcpy(reinterpret_cast<float *>(&high) + first, &tileHigh,
                       sizeof(tileHigh));
      __builtin_memcpy(reinterpret_cast<float *>(&low) + first, &tileLow,
                       sizeof(tileLow));
    }
    ordinary = __builtin_reduce_max(largest) < 0x7e800000;
  }
};

/// Fetches the block `lanes` behind this one, and where it is written: one
/// between the codes of two others, where many in a row would wait for memory.
inline void fetchAhead(const float *block, const uint8_t *target,
                       int blockBytes) {
  const uintptr_t ahead = uintptr_t(block) + lanes * 32 * sizeof(float);
  __builtin_prefetch(reinterpret_cast<const void *>(ahead));
  __builtin_prefetch(reinterpret_cast<const void *>(ahead + 64));
  __builtin_prefetch(
      reinterpret_cast<const void *>(uintptr_t(target) + lanes * blockBytes));
}

inline bool anyInfinite(Floats x) { return any(absolute(x) > 3.4028235e38f); }

/// Writes 32 codes 0 … 15, or 0 … 31: fifth bits if there are any, then
/// nibbles.
template <bool fifthBits>
void storeCodes(IntTile a, IntTile b, uint8_t *target) {
  if constexpr (fifthBits) {
    const uint16_t bits[2] = {
        __builtin_bit_cast(uint16_t, __builtin_convertvector(a > 15, BitTile)),
        __builtin_bit_cast(uint16_t, __builtin_convertvector(b > 15, BitTile))};
    __builtin_memcpy(target, bits, sizeof(bits));
    target += sizeof(bits);
  }
  const ByteTile packed =
      __builtin_convertvector((a & 15) | (b & 15) << 4, ByteTile);
  __builtin_memcpy(target, &packed, sizeof(packed));
}

/// encodeSymmetric of Blocks32.h for `lanes` blocks one behind the other,
/// stored as d, fifth bits, nibbles. False if it must decide itself.
template <int half>
bool encodeSymmetricInRows(const float *w, uint8_t *target) {
  constexpr int blockBytes = half > 8 ? 22 : 18;
  const Extremes extremes(w);
  const Floats high = extremes.high, low = extremes.low;
  const Floats magnitude = select(high > -low, high, -low);
  if (!extremes.ordinary || any((high == -low) & (magnitude > 0.0f)))
    return false;
  const Floats extreme =
      select(magnitude > 0.0f, select(high > -low, high, low), Floats(0.0f));
  const Floats d = extreme / -float(half);
  const Floats reciprocal = reciprocalOrZero(d);
  if (anyInfinite(reciprocal))
    return false;
  int halves[lanes];
  float factors[lanes];
  const Ints d16 = f32ToF16(d);
  __builtin_memcpy(halves, &d16, sizeof(halves));
  __builtin_memcpy(factors, &reciprocal, sizeof(factors));
  for (int block = 0; block < lanes; ++block) {
    auto codeOf = [&](const float *source) {
      const FloatTile shifted =
          loadTile(source) * factors[block] + (half + 0.5f);
      return __builtin_convertvector(smaller(shifted, 2.0f * half - 1.0f),
                                     IntTile);
    };
    fetchAhead(w, target, blockBytes);
    __builtin_memcpy(target, &halves[block], 2);
    storeCodes<(half > 8)>(codeOf(w), codeOf(w + tile), target + 2);
    w += 32;
    target += blockBytes;
  }
  return true;
}

/// Likewise encodeAffine; stored as d, m, fifth bits, nibbles.
template <int maxCode>
bool encodeAffineInRows(const float *w, uint8_t *target) {
  constexpr int blockBytes = maxCode > 15 ? 24 : 20;
  const Extremes extremes(w);
  const Floats low = extremes.low;
  if (!extremes.ordinary || any(low == 0.0f))
    return false;
  const Floats d = (extremes.high - low) / float(maxCode);
  const Floats reciprocal = reciprocalOrZero(d);
  if (anyInfinite(reciprocal))
    return false;
  int scales[lanes], minima[lanes];
  float factors[lanes], lows[lanes];
  const Ints d16 = f32ToF16(d), m16 = f32ToF16(low);
  __builtin_memcpy(scales, &d16, sizeof(scales));
  __builtin_memcpy(minima, &m16, sizeof(minima));
  __builtin_memcpy(factors, &reciprocal, sizeof(factors));
  __builtin_memcpy(lows, &low, sizeof(lows));
  for (int block = 0; block < lanes; ++block) {
    auto codeOf = [&](const float *source) {
      const FloatTile shifted =
          (loadTile(source) - lows[block]) * factors[block] + 0.5f;
      return __builtin_convertvector(smaller(shifted, float(maxCode)), IntTile);
    };
    fetchAhead(w, target, blockBytes);
    __builtin_memcpy(target, &scales[block], 2);
    __builtin_memcpy(target + 2, &minima[block], 2);
    storeCodes<(maxCode > 15)>(codeOf(w), codeOf(w + tile), target + 4);
    w += 32;
    target += blockBytes;
  }
  return true;
}

} // namespace

#endif // QOPT_LIB_FORMATS_INROWS32_H
