//===- MmaLayout.h - 4-bit weights in the order of mma.sync -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A tile is 16 rows (n) by 64 columns (k) of a weight W [N, K] and takes 512
// bytes, 16 for each lane of a warp, so that one 16-byte load per lane brings
// the A operands of four mma.sync.m16n8k16 (or of a warp's share of four
// wgmma.m64nMk16): the weight is the left operand, and the rows of x are the
// columns of the product, of which eight are enough. With n and k inside the
// tile,
//
//     n = 8 h + g          g: the lane's fragment row (groupID)
//     k = 16 s + 8 u + 2 t + e
//                          s: which mma, t: the lane's thread in group, e: 0, 1
//     lane = 4 g + t       as the PTX ISA assigns A fragments
//
// the code is in word s of the lane's 16 bytes at bit 4 (h + 2 u) + 16 e. So
// codes of neighbouring columns stand 16 bits apart, where a mask and a shift
// (lop3) leave them in the halves of a register, which is A register h + 2 u.
//
// Tiles follow each other along k, then along n. Rows are padded to 64 (four
// warps of a warpgroup) and columns to 128 (the unit of work of a warp); what
// is padded has scale 0. Scales and zero points come per tile row and group,
// those of rows g and g + 8 side by side (n = 8 h + g at 2 g + h): a lane needs
// both.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_MMALAYOUT_H
#define QOPT_FORMATS_MMALAYOUT_H

#include "qopt/Formats/Component.h"
#include "qopt/Formats/Grouped.h"
#include "qopt/Support/Error.h"

namespace qopt {

struct MmaLayout {
  static constexpr int64_t tileRows = 16, tileColumns = 64, tileBytes = 512;
  static constexpr int64_t paddedRowsTo = 64, chunkColumns = 128;

  GroupedScheme scheme;
  int64_t rows, columns;

  /// Bad input if the layout cannot hold such a matrix; the message says why.
  static Status supports(const GroupedScheme &scheme, int64_t rows,
                         int64_t columns);

  /// N, padded.
  int64_t paddedRows() const {
    return (rows + paddedRowsTo - 1) / paddedRowsTo * paddedRowsTo;
  }
  int64_t tilesOfRows() const { return paddedRows() / tileRows; }
  /// K, padded to whole chunks.
  int64_t paddedColumns() const {
    return (columns + chunkColumns - 1) / chunkColumns * chunkColumns;
  }
  int64_t tilesOfColumns() const { return paddedColumns() / tileColumns; }
  /// Groups of a padded row.
  int64_t paddedGroups() const { return scheme.groups(paddedColumns()); }

  /// packed U8 [tiles of rows, tiles of columns, 512], scales F16 [tiles of
  /// rows, groups, 16] and, unless symmetric, zeros U8 of the shape of scales.
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
  /// Index of the scale and of the zero point of a row and group.
  int64_t parameterIndex(int64_t row, int64_t group) const;
};

} // namespace qopt

#endif // QOPT_FORMATS_MMALAYOUT_H
