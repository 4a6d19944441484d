//===- BlockFields.h - where the bits of a GGUF block are -------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A GGUF type as data: its affine hierarchy, and for each kind of number (code,
// level of a scale, level of a minimum) the bit fields that it is put together
// from. Kernels and layouts are made from this description. FormatRow::decode
// says the same as code and is what the description is tested against.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_BLOCKFIELDS_H
#define QOPT_FORMATS_BLOCKFIELDS_H

#include "qopt/Formats/AffineHierarchy.h"
#include "qopt/Formats/FormatTable.h"

namespace qopt {

/// Some bits of the numbers [first, first + count) of a block. `run`
/// consecutive numbers stand in consecutive bytes; `sharing` runs share their
/// bytes, each `width` bits above the one before; then come the next bytes:
///
///     number first + (i * sharing + j) * run + r
///       ->  byte `byte` + i * run + r, bits from shift + j * width
struct BitField {
  int first, count;
  int byte;
  int width;
  int shift;
  int position; // of these bits in the number
  int run;
  int sharing;
};

struct BlockFields {
  AffineHierarchy hierarchy;
  int64_t elements = 0; // weights of a block
  int64_t bytes = 0;
  std::span<const BitField> codes = {}, scales = {}, minima = {};
  uint8_t codeFlip = 0;    // added to a code modulo 256: Q8_0 has signed ones
  uint8_t levelOffset = 0; // subtracted from a level to make it signed
  int scaleByte = -1;      // of the f16 scale, d, or exponent
  int minimumByte = -1;    // of the f16 minimum or dmin
  bool ternaryDigits = false; // five codes in a byte (TQ1_0)

  /// Unpacks a row of blocks.
  void read(const uint8_t *blocks, HierarchyRow &row) const;
  /// The inverse.
  void write(const HierarchyRow &row, uint8_t *blocks) const;
};

/// Null for the float types.
const BlockFields *findBlockFields(GgufType type);

} // namespace qopt

#endif // QOPT_FORMATS_BLOCKFIELDS_H
