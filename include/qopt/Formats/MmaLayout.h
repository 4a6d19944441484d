//===- MmaLayout.h - 4-bit weights in the order of mma.sync -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A tile is 32 rows (n) by 32 columns (k) of a weight W [N, K] and takes 512
// bytes, 16 for each lane of a warp, so that one 16-byte load per lane brings
// the B operands of eight mma.sync.m16n8k16. With n and k inside the tile,
//
//     n = 8 j + r      j: which n8 block, r: the lane's fragment column
//     k = 8 c + e      c: the lane's fragment row pair, e: 0 to 7
//     lane = 4 r + c   as the PTX ISA assigns B fragments (groupID, thread in
//                      group)
//
// word j of the lane's 16 bytes holds the eight codes e = 0 … 7 at nibbles
// 0 4 1 5 2 6 3 7: codes 2p and 2p + 1 stand 16 bits apart, so that a mask and
// a shift (lop3) leave them in the halves of a register, which is B register
// p % 2 of the mma number p / 2 of the tile.
//
// An mma sums over k in any order, as long as A and B agree. Here lane c has
// eight consecutive columns, so that it also reads its activations with one
// 16-byte load per row.
//
// Tiles follow each other along k, then along n. Rows are padded to 32 and
// columns to 128 (the unit of work of a warp); what is padded has scale 0.
// Scales and zero points come per tile row and group: scales in the order of
// the accumulator's columns (n = 8 j + 2 c + b at 8 c + 2 j + b), zero points
// in the order of B's (n = 8 j + r at 4 r + j).
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_MMALAYOUT_H
#define QOPT_FORMATS_MMALAYOUT_H

#include "qopt/Formats/Component.h"
#include "qopt/Formats/Grouped.h"
#include "qopt/Support/Error.h"

namespace qopt {

struct MmaLayout {
  static constexpr int64_t tileRows = 32, tileColumns = 32, tileBytes = 512;
  static constexpr int64_t chunkColumns = 128;

  GroupedScheme scheme;
  int64_t rows, columns;

  /// Bad input if the layout cannot hold such a matrix; the message says why.
  static Status supports(const GroupedScheme &scheme, int64_t rows,
                         int64_t columns);

  int64_t tilesOfRows() const { return (rows + tileRows - 1) / tileRows; }
  /// K, padded to whole chunks.
  int64_t paddedColumns() const {
    return (columns + chunkColumns - 1) / chunkColumns * chunkColumns;
  }
  int64_t tilesOfColumns() const { return paddedColumns() / tileColumns; }
  /// Groups of a padded row.
  int64_t paddedGroups() const { return scheme.groups(paddedColumns()); }

  /// packed U8 [tiles of rows, tiles of columns, 512], scales F16 [tiles of
  /// rows, groups, 32] and, unless symmetric, zeros U8 of the shape of scales.
  std::vector<Component> components() const;

  /// Rearranges the components of the grouped scheme (codes, scales, zeros)
  /// into those of the layout.
  void pack(ConstBuffers source, MutableBuffers target) const;
  /// The exact inverse.
  void unpack(ConstBuffers source, MutableBuffers target) const;

  /// Where the code of (row, column) is: the byte, and the shift inside it.
  struct Place {
    int64_t byte;
    int shift;
  };
  Place codePlace(int64_t row, int64_t column) const;
  /// Index of a scale, and of a zero point, of a row and group.
  int64_t scaleIndex(int64_t row, int64_t group) const;
  int64_t zeroIndex(int64_t row, int64_t group) const;
};

} // namespace qopt

#endif // QOPT_FORMATS_MMALAYOUT_H
