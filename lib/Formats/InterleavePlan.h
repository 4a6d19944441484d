//===- InterleavePlan.h - what interleaving rows comes to -------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// 16 rows are interleaved at a time, each in its lane of vectors of dwords
// (InterleaveRows.cpp). What a format is comes down to where the bits of four
// consecutive numbers lie, which then are the bytes of a dword.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_INTERLEAVEPLAN_H
#define QOPT_LIB_FORMATS_INTERLEAVEPLAN_H

#include "qopt/Formats/BlockFields.h"
#include "qopt/Formats/Interleaved.h"

#include <stdint.h>

namespace qopt {

/// Some bits of consecutive words of four numbers. In the source these are
/// either in consecutive bytes or, if `dense`, `width` bits apart.
struct WordRun {
  int first, words; // of four numbers
  int bit;          // of the source, where the first word's bits are
  int step;         // bits from there to those of the next word
  int width;        // of a number's bits
  int position;     // of these bits in the number
  bool dense;
};

/// All runs that make up some numbers; those of position 0 come first.
struct WordRuns {
  const WordRun *runs;
  int count;
  int words;
};

/// An array of one row per row of the matrix.
struct RowBytes {
  const uint8_t *bytes;
  int64_t size;     // in all
  int64_t rowBytes; // from one row to the next
};

/// Plain data, because code for several instruction sets reads it, in which no
/// inline function may be called (Lanes.h).
struct InterleavePlan {
  /// Columns that are taken at once, at most.
  static constexpr int pieceColumns = 256;

  int64_t rows, columns, blockRows;
  int bits;
  int64_t runColumns, chunksPerRun, chunks, groups, superBlocks;
  const BitPlane *planes;
  int planeCount;

  const BlockFields *fields; // null for the grouped scheme
  int elements, bytes;       // of a block of the type
  WordRuns codes, levels, minimumLevels;
  RowBytes blocks;                  // or packed codes
  RowBytes groupScales, groupZeros; // of the grouped scheme

  /// Null where the layout has no such component.
  uint8_t *packed, *scales, *minima, *superScales, *superMinima;
};

#define QOPT_DECLARE_INTERLEAVE(set)                                           \
  namespace detail::set {                                                      \
  void interleaveRows(const InterleavePlan &plan);                             \
  }
QOPT_DECLARE_INTERLEAVE(baseline)
QOPT_DECLARE_INTERLEAVE(avx2)
QOPT_DECLARE_INTERLEAVE(avx512)
#undef QOPT_DECLARE_INTERLEAVE

} // namespace qopt

#endif // QOPT_LIB_FORMATS_INTERLEAVEPLAN_H
