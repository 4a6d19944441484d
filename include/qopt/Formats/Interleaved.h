//===- Interleaved.h - rows interleaved, one row per dword lane -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The layout of CPU kernels for the grouped scheme. R rows form a block, and a
// vector of R dwords holds codes of all of them, row r in lane r. So a scale is
// a vector with one lane per row, no sum ever crosses lanes, and the kernel
// reads memory strictly in order.
//
// The columns of a group are cut into chunks of 32 (the last one padded with
// code 0). A b-bit code is cut into bit planes of 1, 2, 4 or 8 bits, the widest
// in the low bits: 3 = 2 + 1, 4 = 4, 6 = 4 + 2. A plane of width p stores a
// chunk in p dwords per row; dword i holds the columns [32/p * i, 32/p * (i+1))
// four to a field, one per byte:
//
//     column c of the dword  ->  byte c mod 4, bits [p * (c/4), p * (c/4 + 1))
//
// so that one shift and one mask of the dword give four consecutive columns as
// bytes (what byte dot products eat), and one shift and mask give one column of
// every row as a dword (what the f32 decode eats).
//
//     packed [blocks, chunks * bits, 4 R]  bytes; chunk-major, then planes
//     scales [blocks, G, R]                f16
//     zeros  [blocks, G, R]                bytes; absent if symmetric
//
// Rows are padded to whole blocks with codes, scales and zeros of 0.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_INTERLEAVED_H
#define QOPT_FORMATS_INTERLEAVED_H

#include "qopt/Formats/Component.h"
#include "qopt/Formats/Grouped.h"

#include <vector>

namespace qopt {

/// Some consecutive bits of a code, stored together.
struct BitPlane {
  int width;      // 1, 2, 4 or 8
  int firstBit;   // the lowest bit of the code that it holds
  int firstDword; // of the chunk's dwords, where the plane starts

  int columnsPerDword() const { return 32 / width; }
  /// The chunk's dword that holds column `column` of 32.
  int dword(int column) const {
    return firstDword + column / columnsPerDword();
  }
  /// The lowest bit of the field of column `column` within its dword.
  int shift(int column) const {
    int inDword = column % columnsPerDword();
    return 8 * (inDword % 4) + width * (inDword / 4);
  }
};

/// The planes of a code of `bits` bits, in the order of storage.
std::vector<BitPlane> bitPlanes(int bits);

/// Where everything of one matrix [rows, columns] lies.
struct InterleavedLayout {
  static constexpr int chunkColumns = 32;

  GroupedScheme scheme;
  int64_t rows = 0, columns = 0;
  int64_t blockRows = 16; // R

  int64_t blocks() const { return (rows + blockRows - 1) / blockRows; }
  int64_t groups() const { return scheme.groups(columns); }
  /// Columns of a group; the last one may be shorter.
  int64_t groupColumns(int64_t group) const;
  /// Chunks of every group but the last.
  int64_t chunksPerGroup() const;
  /// Chunks of a row.
  int64_t chunks() const;
  /// Bytes of one chunk of one block.
  int64_t chunkBytes() const { return scheme.bits * 4 * blockRows; }

  /// packed, scales and, unless symmetric, zeros.
  std::vector<Component> components() const;
};

/// Interleaves a matrix given as the components of the grouped scheme: codes
/// [rows, packedRowBytes], scales and zeros [rows, G].
void interleave(const InterleavedLayout &layout, ConstBuffers source,
                MutableBuffers target);
/// The exact inverse; padding is dropped.
void deinterleave(const InterleavedLayout &layout, ConstBuffers source,
                  MutableBuffers target);

} // namespace qopt

#endif // QOPT_FORMATS_INTERLEAVED_H
