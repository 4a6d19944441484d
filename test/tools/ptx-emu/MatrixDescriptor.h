//===- MatrixDescriptor.h - where wgmma finds a matrix ---------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The descriptor of a matrix in shared memory (PTX ISA, "Asynchronous Warpgroup
// Level Matrix Shared Memory Layout"). Elements have 16 bits; they lie in
// pieces of 16 bytes that are contiguous in K (K-major) or in M or N
// (MN-major). Rows of a matrix are its M or N. With w = 1, 2, 4, 8 pieces for
// no swizzle and swizzles of 32, 64 and 128 bytes, piece c of a row (K-major)
// is at
//   start + 16 w (row % 8) + stride (row / 8) + (w = 1 ? leading : 16) c,
// and the piece with rows 8 c ... 8 c + 7 of column k (MN-major) at
//   start + 16 (c % w) + leading (c / w) + 16 w (k % 8) + stride (k / 8),
// where leading and stride change places without a swizzle. A swizzle then
// exchanges the pieces of each line of 128 bytes: bits 4 ... 6 of the address
// are XORed with those of its bits 7 ... 9 that address a multiple of the
// pattern's lines, which the base offset counts from its start.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_MATRIX_DESCRIPTOR_H
#define PTX_EMU_MATRIX_DESCRIPTOR_H

#include <cstdint>

namespace ptx {

struct MatrixDescriptor {
  explicit MatrixDescriptor(uint64_t bits)
      : start(decode(bits)), leading(decode(bits >> 16)),
        stride(decode(bits >> 32)), baseOffset(bits >> 49 & 7) {
    static constexpr unsigned widths[] = {1, 8, 4, 2};
    pieces = widths[bits >> 62];
  }

  /// Address of the elements 8 c ... 8 c + 7 in K of a row.
  uint64_t alongK(unsigned row, unsigned c) const {
    return swizzle(start + uint64_t(16) * pieces * (row % 8) +
                   stride * (row / 8) + (pieces == 1 ? leading : 16) * c);
  }
  /// Address of the rows 8 c ... 8 c + 7 of column k.
  uint64_t alongRows(unsigned k, unsigned c) const {
    if (pieces == 1)
      return start + stride * c + 16 * (k % 8) + leading * (k / 8);
    return swizzle(start + 16 * (c % pieces) + leading * (c / pieces) +
                   uint64_t(16) * pieces * (k % 8) + stride * (k / 8));
  }

  uint64_t start, leading, stride; ///< bytes
  unsigned baseOffset;
  unsigned pieces; ///< of 16 bytes that a swizzle exchanges; 1: none

private:
  static uint64_t decode(uint64_t field) { return (field & 0x3fff) << 4; }
  uint64_t swizzle(uint64_t address) const {
    uint64_t line = (address >> 7) - baseOffset;
    return address ^ (line & (pieces - 1)) << 4;
  }
};

} // namespace ptx

#endif // PTX_EMU_MATRIX_DESCRIPTOR_H
