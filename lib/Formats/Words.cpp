//===- Words.cpp - codes in 32-bit words ----------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/Words.h"

#include <algorithm>
#include <cstring>
#include <vector>

using namespace qopt;

int64_t qopt::wordCount(WordFill fill, int bits, int64_t count) {
  if (fill == WordFill::Dense)
    return (count * bits + 31) / 32;
  int64_t perWord = 32 / bits;
  return (count + perWord - 1) / perWord;
}

void qopt::packWords(WordFill fill, int bits, std::span<const uint8_t> codes,
                     uint8_t *target, int64_t stride) {
  uint64_t pending = 0;
  int filled = 0;
  auto flush = [&] {
    uint32_t word = uint32_t(pending);
    std::memcpy(target, &word, sizeof word);
    target += stride * sizeof word;
    pending >>= 32;
    filled = std::max(0, filled - 32);
  };
  for (uint8_t code : codes) {
    pending |= uint64_t(code) << filled;
    filled += bits;
    if (filled >= 32 || (fill == WordFill::Whole && filled + bits > 32))
      flush();
  }
  if (filled > 0)
    flush();
}

void qopt::unpackWords(WordFill fill, int bits, const uint8_t *source,
                       std::span<uint8_t> codes, int64_t stride) {
  uint64_t pending = 0;
  int filled = 0;
  for (uint8_t &code : codes) {
    if (filled < bits) {
      uint32_t word;
      std::memcpy(&word, source, sizeof word);
      source += stride * sizeof word;
      if (fill == WordFill::Whole) // what was left of the last word is padding
        pending = filled = 0;
      pending |= uint64_t(word) << filled;
      filled += 32;
    }
    code = pending & ((1u << bits) - 1);
    pending >>= bits;
    filled -= bits;
  }
}

template <typename T>
static void transposeTiles(const uint8_t *source, int64_t rows, int64_t columns,
                           uint8_t *target) {
  constexpr int64_t tile = 32; // rows and columns that share cache lines
  for (int64_t row = 0; row < rows; row += tile)
    for (int64_t column = 0; column < columns; column += tile)
      for (int64_t c = column; c < std::min(columns, column + tile); ++c)
        for (int64_t r = row; r < std::min(rows, row + tile); ++r)
          std::memcpy(target + (c * rows + r) * sizeof(T),
                      source + (r * columns + c) * sizeof(T), sizeof(T));
}

void qopt::transposeElements(int elementBytes, const uint8_t *source,
                             int64_t rows, int64_t columns, uint8_t *target) {
  if (elementBytes == 2)
    transposeTiles<uint16_t>(source, rows, columns, target);
  else
    transposeTiles<uint32_t>(source, rows, columns, target);
}

/// Converts through f32 in pieces that stay in cache.
static void convert(DType from, const uint8_t *source, DType to,
                    uint8_t *target, int64_t count) {
  if (from == to) {
    std::memcpy(target, source, count * byteSize(from));
    return;
  }
  float piece[256];
  for (int64_t first = 0; first < count; first += 256) {
    int64_t length = std::min<int64_t>(256, count - first);
    decodeToF32(from, source + first * byteSize(from), piece, length);
    encodeFromF32(to, piece, target + first * byteSize(to), length);
  }
}

void qopt::scalesToF16(DType type, const uint8_t *source, int64_t count,
                       uint8_t *target) {
  convert(type, source, DType::F16, target, count);
}

void qopt::scalesFromF16(DType type, const uint8_t *source, int64_t count,
                         uint8_t *target) {
  convert(DType::F16, source, type, target, count);
}
