//===- Layouts.h - where the bits of packed weights are ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The formulas of docs/nvptx.md once more, written down independently of the
// compiler: the reference against which its kernels are checked.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_BENCHMARKS_GPU_LAYOUTS_H
#define QOPT_BENCHMARKS_GPU_LAYOUTS_H

#include <cstdint>

#ifdef __CUDACC__
#define QOPT_EVERYWHERE __host__ __device__
#else
#define QOPT_EVERYWHERE
#endif

/// A weight W [n, k] in groups of `group` columns, in the layout #qopt.mma.
struct WeightFormat {
  int64_t n, k;
  int64_t bits, group; // group -1: a whole row
  bool zeros;          // has zero points; otherwise zero is 2^(bits - 1)

  QOPT_EVERYWHERE int64_t paddedRows() const { return (n + 63) / 64 * 64; }
  QOPT_EVERYWHERE int64_t paddedColumns() const {
    return (k + 127) / 128 * 128;
  }
  QOPT_EVERYWHERE int64_t groupLength() const {
    return group > 0 ? group : paddedColumns();
  }
  QOPT_EVERYWHERE int64_t groups() const {
    return (paddedColumns() + groupLength() - 1) / groupLength();
  }

  int64_t packedBytes() const {
    return paddedRows() * paddedColumns() * bits / 8;
  }
  /// Scales, and as many zero points.
  int64_t parameters() const { return paddedRows() * groups(); }
  int64_t bytes() const {
    return packedBytes() + parameters() * (zeros ? 3 : 2);
  }

  /// The row and the group that a scale or zero point belongs to:
  /// [tiles of 16 rows, groups, 16], row r + 8 h of the tile at 2 r + h.
  QOPT_EVERYWHERE void parameterPlace(int64_t index, int64_t &row,
                                      int64_t &groupIndex) const {
    int64_t slot = index % 16;
    groupIndex = index / 16 % groups();
    row = index / 16 / groups() * 16 + slot / 2 + 8 * (slot % 2);
  }
  QOPT_EVERYWHERE int64_t parameterIndex(int64_t row, int64_t column) const {
    return (row / 16 * groups() + column / groupLength()) * 16 + 2 * (row % 8) +
           row % 16 / 8;
  }
};

/// Where the components lie on the device.
struct WeightPointers {
  uint8_t *packed;
  uint16_t *scales; // f16
  uint8_t *zeros;   // null without zero points
};

/// The code of a weight. Tiles of 16 rows by 64 columns take 512 bytes, 16 per
/// lane.
QOPT_EVERYWHERE inline int codeAt(const WeightFormat &format,
                                  const uint8_t *packed, int64_t row,
                                  int64_t column) {
  int64_t tile = row / 16 * (format.paddedColumns() / 64) + column / 64;
  int64_t g = row % 8, h = row % 16 / 8;
  int64_t s = column % 64 / 16, u = column % 16 / 8;
  int64_t t = column % 8 / 2, e = column % 2;
  int64_t bit = 4 * (h + 2 * u) + 16 * e;
  int64_t byte = (tile * 32 + 4 * g + t) * 16 + 4 * s + bit / 8;
  return packed[byte] >> bit % 8 & 15;
}

/// code - zero, and where the scale is by which it is multiplied.
QOPT_EVERYWHERE inline int differenceAt(const WeightFormat &format,
                                        const WeightPointers &weight,
                                        int64_t row, int64_t column,
                                        int64_t &scale) {
  scale = format.parameterIndex(row, column);
  int zero = weight.zeros ? weight.zeros[scale] : 1 << (format.bits - 1);
  return codeAt(format, weight.packed, row, column) - zero;
}

#endif // QOPT_BENCHMARKS_GPU_LAYOUTS_H
