//===- Codec.h - from blocks in lanes to rows of blocks ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A format is a struct that knows one block:
//
//     struct Q4_0 {
//       struct Block { … };                  // the bytes as they are stored
//       static constexpr int elements = 32;  // weights of a block
//       static void decode(const Block &block, float *target);
//       static void encode(const BlockInput &input, Bytes *block);
//     };
//
// `encode` works on one block per lane (Lanes.h) and writes byte i of every
// block to block[i]. makeRow<Q4_0>() loops over rows of blocks. A format may
// have a faster way for `lanes` blocks without importance that lie one behind
// the other, which returns false where it does not know:
//
//     static bool encodeInRows(const float *source, uint8_t *target);
//
// One whose encoder works nearly as fast as memory fetches the next blocks
// while it does (input.ahead), and says so:
//
//     static constexpr bool fetchesAhead = true;
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_CODEC_H
#define QOPT_LIB_FORMATS_CODEC_H

#include "Blocks.h"
#include "Tiles.h"
#include "qopt/Formats/BlockGrid.h"
#include "qopt/Formats/Half.h"

#include <stddef.h>

namespace {

using qopt::f16ToF32;

/// What `encode` gets to see; lane b of everything belongs to block b.
struct BlockInput {
  const Floats *weights;                  // of the block
  const float *const (&addresses)[lanes]; // of the same, where they come from
  const Floats *importance; // of the block's columns; null if there is none
  Floats rowMeanSquare;     // of the whole row; only if there is importance
  Ahead &ahead;             // of these blocks
};

/// Σ x², in the order of the weights.
template <int count> Floats sumOfSquares(const Floats *x) {
  Floats sum = 0.0f;
  for (int i = 0; i < count; ++i)
    sum += x[i] * x[i];
  return sum;
}

/// The weight of each error in a search: importance · √(energy + x²).
template <int count>
void weighByImportance(const Floats *x, const Floats *importance, Floats energy,
                       Floats *weight) {
  for (int i = 0; i < count; ++i)
    weight[i] = importance[i] * squareRoot(energy + x[i] * x[i]);
}

/// Mean squares of up to 16 rows, one behind the other. A sum runs in the order
/// of its row and would wait for every addition; those of many rows do not.
inline FloatTile meanSquares(const float *row, int64_t rows, int64_t columns) {
  FloatTile sum = 0.0f;
  for (int64_t i = 0; i < columns; i += tile) {
    FloatTile values[tile];
#pragma clang loop unroll(full)
    for (int r = 0; r < tile; ++r)
      __builtin_memcpy(&values[r], row + (r < rows ? r : 0) * columns + i,
                       sizeof(FloatTile));
    transpose(values);
#pragma clang loop unroll(full)
    for (int k = 0; k < tile; ++k)
      sum += values[k] * values[k];
  }
  return sum / float(columns);
}

/// FormatRow::encodeRows of a format.
template <typename Format>
void encodeRows(const float *source, const float *importance, uint8_t *target,
                int64_t rows, int64_t columns) {
  constexpr int elements = Format::elements;
  constexpr int size = sizeof(typename Format::Block);
  const int64_t blocksPerRow = columns / elements;
  const int64_t blocks = rows * blocksPerRow;
  Floats weights[elements], columnImportance[elements];
  Bytes encoded[size];
  Floats rowMeanSquare = 0.0f;
  FloatTile meanSquare = 0.0f; // of the 16 rows that the last block is in
  for (int64_t first = 0; first < blocks; first += lanes) {
    const int used = blocks - first < lanes ? int(blocks - first) : lanes;
    if constexpr (requires { Format::encodeInRows(source, target); })
      if (!importance && used == lanes &&
          Format::encodeInRows(source + first * elements,
                               target + first * size))
        continue;
    const float *weightsOfLane[lanes], *importanceOfLane[lanes];
    for (int lane = 0; lane < lanes; ++lane) {
      // Lanes without a block of their own repeat the first.
      const int64_t block = lane < used ? first + lane : first;
      const int64_t inRow = block % blocksPerRow, row = block / blocksPerRow;
      weightsOfLane[lane] = source + block * elements;
      if (!importance)
        continue;
      importanceOfLane[lane] = importance + inRow * elements;
      if (inRow == 0 && row % tile == 0 && lane < used)
        meanSquare = meanSquares(weightsOfLane[lane], rows - row, columns);
      rowMeanSquare[lane] = meanSquare[row % tile];
    }
    constexpr bool fetches = requires { Format::fetchesAhead; };
    gather<elements, !fetches>(weightsOfLane, weights);
    if (importance)
      gather<elements, true>(importanceOfLane, columnImportance);
    Ahead ahead(source + (first + lanes) * elements, elements,
                target + first * size, size);
    Format::encode({weights, weightsOfLane,
                    importance ? columnImportance : nullptr, rowMeanSquare,
                    ahead},
                   encoded);
    scatter<size>(encoded, used, target + first * size);
  }
}

/// Stores what `decode` gives for a run of weights, in vectors. Left alone, the
/// compiler unrolls such short loops, and gathers across several of them.
template <int count, typename Decode>
void decodeRun(float *__restrict target, Decode decode) {
#pragma clang loop vectorize(enable) unroll(disable)
  for (int i = 0; i < count; ++i)
    target[i] = decode(i);
}

/// FormatRow::decode of a format.
template <typename Format>
void decodeBlocks(const uint8_t *source, float *target, int64_t count) {
  typename Format::Block block;
  for (int64_t i = 0; i < count; i += Format::elements) {
    __builtin_memcpy(&block, source, sizeof(block));
    Format::decode(block, target + i);
    source += sizeof(block);
  }
}

template <typename Format>
constexpr qopt::FormatRow makeRow(qopt::GgufType type, const char *name,
                                  const char *ggmlName) {
  return {type,
          {name, __builtin_strlen(name)},
          {ggmlName, __builtin_strlen(ggmlName)},
          Format::elements,
          sizeof(typename Format::Block),
          true,
          decodeBlocks<Format>,
          encodeRows<Format>};
}

/// BlockGrid::unpack and pack of a format.
template <typename Format>
void unpackBlock(const uint8_t *source, qopt::BlockParts &parts) {
  typename Format::Block block;
  __builtin_memcpy(&block, source, sizeof(block));
  Format::unpack(block, parts);
}
template <typename Format>
void packBlock(const qopt::BlockParts &parts, uint8_t *target) {
  typename Format::Block block;
  Format::pack(parts, block);
  __builtin_memcpy(target, &block, sizeof(block));
}

/// Of a format with `unpack` and `pack`, for points that are integers from
/// `firstPoint` on, or those of a table.
template <typename Format>
constexpr qopt::BlockGrid makeGrid(int subElements, qopt::LevelRange levels,
                                   qopt::LevelRange minimumLevels, int points,
                                   int firstPoint,
                                   const int8_t *pointTable = nullptr) {
  return {Format::elements, subElements, levels,     minimumLevels,
          points,           pointTable,  firstPoint, unpackBlock<Format>,
          packBlock<Format>};
}

} // namespace

#endif // QOPT_LIB_FORMATS_CODEC_H
