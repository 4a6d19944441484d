//===- Interleaved.h - rows interleaved, one row per dword lane -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The layout of CPU kernels, for every affine hierarchy. R rows form a block,
// and a vector of R dwords holds codes of all of them, row r in lane r. So a
// scale is a vector with one lane per row, no sum ever crosses lanes, and the
// kernel reads memory strictly in order.
//
// The columns of a run (a super-block, or a group where there is none) are cut
// into chunks of 32, the last one padded with code 0. A b-bit code is cut into
// bit planes of 1, 2, 4 or 8 bits, the widest in the low bits: 3 = 2 + 1,
// 4 = 4, 6 = 4 + 2. A plane of width p stores a chunk in p dwords per row;
// dword i holds the columns [32/p * i, 32/p * (i+1)) four to a field, one per
// byte:
//
//     column c of the dword  ->  byte c mod 4, bits [p * (c/4), p * (c/4 + 1))
//
// so that one shift and one mask of the dword give four consecutive columns as
// bytes (what byte dot products eat), and one shift and mask give one column of
// every row as a dword (what the f32 decode eats).
//
//     packed       [blocks, chunks * bits, 4 R]  bytes; chunk-major, planes
//     scales       [blocks, G, R]  f16, or a byte: exponent or level
//     zeros        [blocks, G, R]  bytes; only with zero points
//     minima       [blocks, G, R]  f16, or a byte: level; only with minima
//     super_scales [blocks, B, R]  f16; only with levels
//     super_minima [blocks, B, R]  f16; only with levels of minima
//
// Levels of scales are signed bytes. Two levels of four bits (Q2_K) share the
// byte in `scales`, the minimum in the high half. Rows are padded to whole
// blocks with zeros in everything.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_INTERLEAVED_H
#define QOPT_FORMATS_INTERLEAVED_H

#include "qopt/Formats/AffineHierarchy.h"
#include "qopt/Formats/Component.h"
#include "qopt/Support/Isa.h"

#include <vector>

namespace qopt {

struct BlockFields;

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

  AffineHierarchy hierarchy;
  int64_t rows = 0, columns = 0;
  int64_t blockRows = 16; // R
  /// The GGUF type that the matrix has; null for the grouped scheme.
  const BlockFields *fields = nullptr;

  int64_t blocks() const { return (rows + blockRows - 1) / blockRows; }
  int64_t groups() const { return hierarchy.groups(columns); }
  /// Columns of a group; the last one may be shorter.
  int64_t groupColumns(int64_t group) const;
  /// Columns that are chunked without padding between them.
  int64_t runColumns() const {
    return hierarchy.hasLevels() ? hierarchy.superSize
                                 : hierarchy.groupLength(columns);
  }
  /// Chunks of every run but the last.
  int64_t chunksPerRun() const;
  /// Chunks of a row.
  int64_t chunks() const;
  /// Bytes of one chunk of one block.
  int64_t chunkBytes() const { return hierarchy.bits * 4 * blockRows; }

  std::vector<Component> components() const;
  /// The place of a component among them, or -1.
  int componentIndex(std::string_view suffix) const;
};

/// Interleaves a matrix given as the components of its scheme: codes [rows,
/// row bytes], scales and zeros [rows, G]; or blocks [rows, row bytes]. Writes
/// every byte of the target, at about the speed of memory. So whole blocks of
/// rows can be interleaved on their own, as matrices of fewer rows.
void interleave(const InterleavedLayout &layout, ConstBuffers source,
                MutableBuffers target, Isa isa = detectIsa());
/// The exact inverse; padding is dropped.
void deinterleave(const InterleavedLayout &layout, ConstBuffers source,
                  MutableBuffers target);

} // namespace qopt

#endif // QOPT_FORMATS_INTERLEAVED_H
