//===- AwqLayout.cpp - weights as AWQ checkpoints hold them ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/AwqLayout.h"
#include "qopt/Formats/Words.h"

#include <algorithm>
#include <cstring>

using namespace qopt;

/// Of the eight rows of a word, the one in each nibble.
static constexpr int rowOfNibble[8] = {0, 2, 4, 6, 1, 3, 5, 7};

Status AwqLayout::supports(const GroupedScheme &scheme, int64_t rows,
                           int64_t columns) {
  if (scheme.bits != 4)
    return badInput("AWQ checkpoints hold 4-bit codes, not ", scheme.bits,
                    "-bit ones; quantize to int4, or export to gptq or "
                    "compressed-tensors");
  if (rows % 8 != 0)
    return badInput("AWQ checkpoints need rows that are a multiple of 8, not ",
                    rows,
                    "; leave the weight float, or export to "
                    "compressed-tensors");
  if (columns % 8 != 0 || columns % scheme.groupLength(columns) != 0)
    return badInput("AWQ checkpoints need a group that divides the ", columns,
                    " columns, and these a multiple of 8; not ",
                    scheme.groupSize, "; quantize with another --group");
  return {};
}

std::vector<Component> AwqLayout::components() const {
  int64_t groups = scheme.groups(columns);
  return {{"qweight", DType::I32, {columns, rows / 8}},
          {"qzeros", DType::I32, {groups, rows / 8}},
          {"scales", scaleType, {groups, rows}}};
}

/// Nibbles [k, n] of eight rows and eight columns change places: word n of
/// `rows` has the codes of row n, word k of the result those of column k.
static void transposeNibbles(const uint32_t (&rows)[8],
                             uint32_t (&columns)[8]) {
  for (int k = 0; k < 8; ++k) {
    columns[k] = 0;
    for (int i = 0; i < 8; ++i)
      columns[k] |= (rows[rowOfNibble[i]] >> (4 * k) & 15) << (4 * i);
  }
}

static void untransposeNibbles(const uint32_t (&columns)[8],
                               uint32_t (&rows)[8]) {
  for (uint32_t &row : rows)
    row = 0;
  for (int i = 0; i < 8; ++i)
    for (int k = 0; k < 8; ++k)
      rows[rowOfNibble[i]] |= (columns[k] >> (4 * i) & 15) << (4 * k);
}

/// Calls `visit` for every 8 x 8 block of codes, in an order in which both
/// matrices are read and written by whole cache lines.
template <typename Visit>
static void forEachBlock(int64_t rows, int64_t columns, Visit visit) {
  constexpr int64_t tile = 16;
  int64_t words = rows / 8;
  for (int64_t first = 0; first < words; first += tile)
    for (int64_t column = 0; column < columns; column += 8)
      for (int64_t j = first; j < std::min(words, first + tile); ++j)
        visit(j, column);
}

void AwqLayout::pack(ConstBuffers source, MutableBuffers target) const {
  int64_t groups = scheme.groups(columns), words = rows / 8;
  int64_t rowBytes = scheme.packedRowBytes(columns);
  forEachBlock(rows, columns, [&](int64_t j, int64_t column) {
    uint32_t in[8], out[8];
    for (int n = 0; n < 8; ++n)
      std::memcpy(&in[n],
                  source[0].data() + (8 * j + n) * rowBytes + column / 2, 4);
    transposeNibbles(in, out);
    for (int k = 0; k < 8; ++k)
      std::memcpy(target[0].data() + ((column + k) * words + j) * 4, &out[k],
                  4);
  });

  std::vector<uint8_t> zeros(rows);
  for (int64_t group = 0; group < groups; ++group) {
    for (int64_t row = 0; row < rows; ++row) {
      int64_t from = row / 8 * 8 + rowOfNibble[row % 8];
      zeros[row] = scheme.symmetric ? scheme.symmetricZero()
                                    : source[2][from * groups + group];
    }
    packWords(WordFill::Dense, 4, zeros, target[1].data() + group * words * 4);
  }

  std::vector<uint8_t> scales(rows * groups * byteSize(scaleType));
  scalesFromF16(scaleType, source[1].data(), rows * groups, scales.data());
  transposeElements(int(byteSize(scaleType)), scales.data(), rows, groups,
                    target[2].data());
}

void AwqLayout::unpack(ConstBuffers source, MutableBuffers target) const {
  int64_t groups = scheme.groups(columns), words = rows / 8;
  int64_t rowBytes = scheme.packedRowBytes(columns);
  forEachBlock(rows, columns, [&](int64_t j, int64_t column) {
    uint32_t in[8], out[8];
    for (int k = 0; k < 8; ++k)
      std::memcpy(&in[k], source[0].data() + ((column + k) * words + j) * 4, 4);
    untransposeNibbles(in, out);
    for (int n = 0; n < 8; ++n)
      std::memcpy(target[0].data() + (8 * j + n) * rowBytes + column / 2,
                  &out[n], 4);
  });

  if (!scheme.symmetric) {
    std::vector<uint8_t> zeros(rows);
    for (int64_t group = 0; group < groups; ++group) {
      unpackWords(WordFill::Dense, 4, source[1].data() + group * words * 4,
                  zeros);
      for (int64_t row = 0; row < rows; ++row) {
        int64_t to = row / 8 * 8 + rowOfNibble[row % 8];
        target[2][to * groups + group] = zeros[row];
      }
    }
  }

  std::vector<uint8_t> scales(source[2].size());
  transposeElements(int(byteSize(scaleType)), source[2].data(), groups, rows,
                    scales.data());
  scalesToF16(scaleType, scales.data(), rows * groups, target[1].data());
}
