//===- RowLanes.h - numbers of 16 rows, one row per lane --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The bytes of 16 rows are transposed first, as dwords, so that lane r of every
// vector belongs to row r. From then on nothing crosses lanes: four numbers are
// cut out of the dwords of a block into the bytes of one by shifts and masks
// that are the same for all rows.
//
// Compiled once per instruction set (Lanes.h says what that asks of the code).
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_ROWLANES_H
#define QOPT_LIB_FORMATS_ROWLANES_H

#include "InterleavePlan.h"

namespace {

using namespace qopt;

constexpr int lanes = 16;
using Words = uint32_t __attribute__((ext_vector_type(lanes)));
using Halves = uint16_t __attribute__((ext_vector_type(lanes)));
using Bytes = uint8_t __attribute__((ext_vector_type(lanes)));
using WordBytes = uint8_t __attribute__((ext_vector_type(4 * lanes)));
using Quad = uint32_t __attribute__((ext_vector_type(4)));

/// 256 codes of 8 bits, that begin within a byte, and a dword to look beyond.
constexpr int pieceQuads = 18;

/// Rows of a block of the layout that are in the lanes.
struct RowGroup {
  int64_t block;
  int64_t lane; // of the block, that lane 0 is
  int64_t row;  // that is there
  int used;     // lanes that have a row
  int stored;   // lanes that the block has

  /// Byte `byte` of four in the lanes that have a row.
  Words everywhere(uint8_t byte) const {
    Words result = 0;
    for (int i = 0; i < used; ++i)
      result[i] = byte * 0x01010101u;
    return result;
  }
};

//===----------------------------------------------------------------------===//
// Rows into lanes
//===----------------------------------------------------------------------===//

Quad loadQuad(const uint8_t *address) {
  Quad result;
  __builtin_memcpy(&result, address, sizeof(result));
  return result;
}

// Of each quarter of two vectors the first two dwords, or from 2 on the others:
// in turn from a and b, or both of a and then of b.
template <int from> Words interleavePairs(Words a, Words b) {
  return __builtin_shufflevector(a, b, from, from + 16, from + 1, from + 17,
                                 from + 4, from + 20, from + 5, from + 21,
                                 from + 8, from + 24, from + 9, from + 25,
                                 from + 12, from + 28, from + 13, from + 29);
}
template <int from> Words joinPairs(Words a, Words b) {
  return __builtin_shufflevector(a, b, from, from + 1, from + 16, from + 17,
                                 from + 4, from + 5, from + 20, from + 21,
                                 from + 8, from + 9, from + 24, from + 25,
                                 from + 12, from + 13, from + 28, from + 29);
}

/// Four dwords of each row: lane r of target[i] is dword i of row r.
void loadDwords(const uint8_t *row, int64_t stride, Words *target) {
  Words rows[4]; // i, 4 + i, 8 + i and 12 + i, a quarter each
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; ++i) {
    const Quad a = loadQuad(row + i * stride),
               b = loadQuad(row + (4 + i) * stride),
               c = loadQuad(row + (8 + i) * stride),
               d = loadQuad(row + (12 + i) * stride);
    const auto low = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7),
               high = __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7);
    rows[i] = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
                                      10, 11, 12, 13, 14, 15);
  }
  const Words low01 = interleavePairs<0>(rows[0], rows[1]),
              low23 = interleavePairs<0>(rows[2], rows[3]),
              high01 = interleavePairs<2>(rows[0], rows[1]),
              high23 = interleavePairs<2>(rows[2], rows[3]);
  target[0] = joinPairs<0>(low01, low23);
  target[1] = joinPairs<2>(low01, low23);
  target[2] = joinPairs<0>(high01, high23);
  target[3] = joinPairs<2>(high01, high23);
}

/// Rows lie one behind the other, and so do the bytes of the next 16: fetched
/// in their order, they are there when they are read across.
void prefetch(uintptr_t next, int bytes) {
  constexpr int line = 64;
  for (int i = 0; i < bytes; i += line)
    __builtin_prefetch(reinterpret_cast<const void *>(next + i), 0, 2);
}

/// `bytes` bytes of each row from byte `first` on, in whole quads. What lies
/// beyond the array, and lanes without a row, are zeros.
void loadBytes(const RowBytes &source, const RowGroup &group, int64_t first,
               int bytes, Words *target) {
  const int quads = (bytes + 15) / 16, length = 16 * quads;
  const int64_t offset = group.row * source.rowBytes + first;
  prefetch(uintptr_t(source.bytes) + offset + lanes * source.rowBytes +
               (lanes - 1) * first,
           lanes * bytes);
  if (group.used == lanes &&
      offset + (lanes - 1) * source.rowBytes + length <= source.size) {
    for (int quad = 0; quad < quads; ++quad)
      loadDwords(source.bytes + offset + 16 * quad, source.rowBytes,
                 target + 4 * quad);
    return;
  }
  alignas(64) uint8_t copy[lanes][16 * pieceQuads];
  __builtin_memset(copy, 0, sizeof(copy));
  for (int i = 0; i < group.used; ++i) {
    const int64_t begin = offset + i * source.rowBytes,
                  left = source.size - begin;
    __builtin_memcpy(copy[i], source.bytes + begin,
                     left < length ? left : length);
  }
  for (int quad = 0; quad < quads; ++quad)
    loadDwords(copy[0] + 16 * quad, sizeof(copy[0]), target + 4 * quad);
}

//===----------------------------------------------------------------------===//
// Bits into bytes
//===----------------------------------------------------------------------===//

/// 32 bits from bit `bit` on.
Words bitsAt(const Words *source, int bit) {
  const Words *at = source + bit / 32;
  const int shift = bit % 32;
  return shift == 0 ? at[0] : at[0] >> shift | at[1] << (32 - shift);
}

/// Four numbers that stand `width` bits apart, into a byte each: first two go
/// to the upper half, and then one in each half to its upper byte.
Words spread(Words bits, int width) {
  const uint32_t pair = (1u << 2 * width) - 1,
                 one = ((1u << width) - 1) * 0x00010001u;
  bits = (bits & pair) | (bits << (16 - 2 * width) & pair << 16);
  return (bits & one) | (bits << (8 - width) & one << 8);
}

void readRun(const WordRun &run, const Words *source, Words *numbers) {
  const uint32_t mask = ((1u << run.width) - 1) * 0x01010101u;
  Words *target = numbers + run.first;
  auto forEachWord = [&](auto bitsOf) {
    if (run.position == 0)
      for (int i = 0; i < run.words; ++i)
        target[i] = bitsOf(i);
    else
      for (int i = 0; i < run.words; ++i)
        target[i] |= bitsOf(i) << run.position;
  };
  const Words *at = source + run.bit / 32;
  const int shift = run.bit % 32;
  if (run.dense)
    forEachWord([&](int i) {
      return spread(bitsAt(source, run.bit + i * run.step), run.width);
    });
  else if (shift + 24 + run.width <= 32)
    forEachWord([&](int i) { return at[i] >> shift & mask; });
  else
    forEachWord([&](int i) {
      return (at[i] >> shift | at[i + 1] << (32 - shift)) & mask;
    });
}

void readNumbers(const WordRuns &runs, const Words *source, Words *numbers) {
  for (int i = 0; i < runs.count; ++i)
    readRun(runs.runs[i], source, numbers);
}

/// TQ1_0 (TQ1_0.cpp): a byte is a fraction, whose digits to the base 3 are
/// codes, `distance` apart.
void readDigits(const Words *source, Words *codes) {
  static constexpr struct {
    int firstByte, firstCode, distance, digits;
  } runs[] = {{0, 0, 32, 5}, {32, 160, 16, 5}, {48, 240, 4, 4}};
  constexpr uint32_t evenBytes = 0x00ff00ff;
  for (auto run : runs)
    for (int i = 0; i < run.distance / 4; ++i) {
      const Words bytes = source[run.firstByte / 4 + i];
      Words even = bytes & evenBytes, odd = bytes >> 8 & evenBytes;
      for (int digit = 0; digit < run.digits; ++digit) {
        even *= 3;
        odd *= 3;
        codes[(run.firstCode + digit * run.distance) / 4 + i] =
            (even >> 8 & evenBytes) | (odd & ~evenBytes);
        even &= evenBytes;
        odd &= evenBytes;
      }
    }
}

Words addBytes(Words a, Words b) {
  return __builtin_bit_cast(Words, __builtin_bit_cast(WordBytes, a) +
                                       __builtin_bit_cast(WordBytes, b));
}

} // namespace

#endif // QOPT_LIB_FORMATS_ROWLANES_H
