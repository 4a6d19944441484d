//===- MmaLayout.h - weights in the order of mma.sync -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The layout of GPU kernels, for every affine hierarchy without a table of
// values. A tile is 16 rows (n) by 64 columns (k) of a weight W [N, K]: the A
// operands of four mma.sync.m16n8k16 (or of a warp's share of four
// wgmma.m64nMk16); the weight is the left operand, and the rows of x are the
// columns of the product, of which eight are enough. With n and k inside the
// tile,
//
//     n = 8 h + g          g: the lane's fragment row (groupID)
//     k = 16 s + 8 u + 2 t + e
//                          s: which mma, t: the lane's thread in group, e: 0, 1
//     lane = 4 g + t       as the PTX ISA assigns A fragments
//
// a lane holds 32 codes, a pair e = 0, 1 for each s and each A register
// i = h + 2 u. A b-bit code is cut into bit planes (3 = 2 + 1, 6 = 4 + 2), and
// a plane of width p takes p words of a lane: word f / F, where f = 4 s + i
// counts the pairs and F = 16 / p of them share a word. The two codes of a pair
// stand 16 bits apart, so that a mask and a shift (lop3) leave them in the
// halves of a register. In the first plane pair f mod F has bits p (f mod F)
// ...; in the others pairs stand where few shifts bring them above the first
// plane's (MmaPlane::bit). A tile is its planes one after the other, each as 32
// lanes' words; lanes of eight words (p = 8) as two times four.
//
// Tiles follow each other along k, then along n. Rows are padded to 64 (four
// warps of a warpgroup) and columns to 128 (the unit of work of a warp); what
// is padded has scale 0. Parameters of a tile's rows lie together, those of
// rows g and g + 8, which one lane needs, side by side:
//
//     scales        F16 [tile row, G, 16]        S of row 8 h + g at 2 g + h
//                   F16 [tile row, G, 8, 4]      with f16 minima: S, S', m, m'
//                                                of rows g and g + 8
//                   U8  [tile row, K / 128, 8, 16]
//                                                with levels: those of 128
//                                                columns, for each group s, s'
//                                                | s, s', m, m' | s + 16 m, ...
//     zeros         U8  [tile row, G, 16]        as scales
//     super_scales  F16 [tile row, B, 16]        d of row 8 h + g at 2 g + h
//                   F16 [tile row, B, 8, 4]      d, d', dmin, dmin'
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_MMALAYOUT_H
#define QOPT_FORMATS_MMALAYOUT_H

#include "qopt/Formats/AffineHierarchy.h"
#include "qopt/Formats/Component.h"
#include "qopt/Support/Error.h"

#include <vector>

namespace qopt {

struct BlockFields;

/// Some consecutive bits of every code of a tile, stored together.
struct MmaPlane {
  int width;         // p: 8, 4, 2 or 1
  int firstBit;      // the lowest bit of the code that it holds
  int lowestWidth;   // of the plane with the lowest bits
  int64_t firstByte; // of the tile

  /// F: pairs of codes that share a word.
  int pairs() const { return 16 / width; }
  /// The lane's word of pair f = 4 s + i, of `width` words.
  int word(int f) const { return f / pairs(); }
  /// The lowest bit of the pair's field, in the low half of the word.
  int bit(int f) const;
  /// The byte in the tile where a word of a lane begins.
  int64_t byte(int lane, int word) const {
    int64_t perLane = width < 4 ? width : 4; // words side by side
    return firstByte +
           4 * ((word / perLane * 32 + lane) * perLane + word % perLane);
  }
};

struct MmaLayout {
  static constexpr int64_t tileRows = 16, tileColumns = 64;
  static constexpr int64_t paddedRowsTo = 64, chunkColumns = 128;

  AffineHierarchy hierarchy;
  int64_t rows, columns;
  /// The GGUF type that the matrix has; null for the grouped scheme.
  const BlockFields *fields = nullptr;

  /// Bad input if the layout cannot hold such a matrix; the message says why.
  static Status supports(const AffineHierarchy &hierarchy, int64_t rows,
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
  int64_t chunks() const { return paddedColumns() / chunkColumns; }
  /// Groups and super-blocks of a padded row.
  int64_t paddedGroups() const { return hierarchy.groups(paddedColumns()); }
  int64_t superBlocks() const { return hierarchy.superBlocks(paddedColumns()); }
  /// Of the codes of a tile.
  int64_t tileBytes() const {
    return tileRows * tileColumns * hierarchy.bits / 8;
  }
  std::vector<MmaPlane> planes() const;

  /// Whether two numbers of a row stand in a record of f16, scale and minimum.
  bool hasHalfMinima() const {
    return hierarchy.minimum == AffineHierarchy::Minimum::Half ||
           hierarchy.minimum == AffineHierarchy::Minimum::Level;
  }
  bool hasZeros() const {
    return hierarchy.minimum == AffineHierarchy::Minimum::ZeroPoint;
  }
  /// Bytes of `scales` per group; with levels, per chunk.
  int64_t scaleRecord() const {
    return hierarchy.hasLevels() ? 128 : hasHalfMinima() ? 64 : 32;
  }
  /// Bytes of `super_scales` per super-block.
  int64_t superRecord() const { return hasHalfMinima() ? 64 : 32; }

  /// packed U8 [tiles of rows, tiles of columns, 128 bits], scales, and zeros
  /// or super_scales if the hierarchy has them.
  std::vector<Component> components() const;

  /// Rearranges the components of the scheme (codes, scales, zeros; or blocks)
  /// into those of the layout.
  void pack(ConstBuffers source, MutableBuffers target) const;
  /// The exact inverse.
  void unpack(ConstBuffers source, MutableBuffers target) const;

  /// Where the bits of a plane of the code of (row, column) are: the byte, and
  /// the shift inside it.
  struct Place {
    int64_t byte;
    int shift;
  };
  Place codePlace(const MmaPlane &plane, int64_t row, int64_t column) const;
  /// Index of the scale (f16, or level) and of the zero point of a row and
  /// group; f16 minima follow two f16 later, and levels of minima two bytes.
  int64_t parameterIndex(int64_t row, int64_t group) const;
  /// Index of d; dmin follows two f16 later.
  int64_t superIndex(int64_t row, int64_t superBlock) const;
};

} // namespace qopt

#endif // QOPT_FORMATS_MMALAYOUT_H
