//===- BlockGrid.h - the numbers that a block can represent -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// An encoder chooses scales and codes at once and by itself. Whoever wants to
// choose them in another way (GPTQ) takes a block apart, changes the parts, and
// puts it together again. All formats with a grid have one form,
//
//     w_hat_i = (d level_j) point(code_i) - dmin minimumLevel_j,  j = i / sub
//
// with f16 numbers d and dmin per block, integer levels per sub-block of `sub`
// weights, and fixed points, the same for every block.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_BLOCKGRID_H
#define QOPT_FORMATS_BLOCKGRID_H

#include "qopt/Formats/FormatTable.h"

namespace qopt {

/// The parts of one block.
struct BlockParts {
  uint16_t d = 0, dmin = 0; // f16
  int8_t levels[16] = {};
  uint8_t minimumLevels[16] = {};
  uint8_t codes[256] = {};
};

/// Integers from `low` to `high`; one that is fixed if they are equal.
struct LevelRange {
  int low, high;
  bool fixed() const { return low == high; }
};

struct BlockGrid {
  int elements, subElements; // weights of a block, of a sub-block
  LevelRange levels;
  LevelRange minimumLevels; // {0, 0}: there is no minimum
  int points;               // how many; codes are 0 … points - 1
  /// The points in rising order, or null: firstPoint, firstPoint + 1, …
  const int8_t *pointTable;
  int firstPoint;

  bool hasMinimum() const { return minimumLevels.high > 0; }
  float point(int code) const {
    return float(pointTable ? pointTable[code] : firstPoint + code);
  }

  void (*unpack)(const uint8_t *block, BlockParts &parts);
  /// Codes and levels must lie in their ranges.
  void (*pack)(const BlockParts &parts, uint8_t *block);
};

/// Null for types without one: floats, MXFP4 and the ternary types.
const BlockGrid *findBlockGrid(GgufType type);

} // namespace qopt

#endif // QOPT_FORMATS_BLOCKGRID_H
