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

/// A weight W [n, k] in the layout #qopt.mma: w = S (code - zero) - M with S
/// and M of the group. The members are those of the table of kernels.
struct WeightFormat {
  int64_t n, k;
  int64_t bits, group; // group -1: a whole row
  int64_t zero;        // unless there are zero points
  bool zeros = false;  // zero points for each group
  bool minima = false; // M is not 0
  bool superScales =
      false; // S = d s and M = dmin m, d and dmin per 256 columns

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
  QOPT_EVERYWHERE int64_t superBlocks() const {
    return superScales ? (paddedColumns() + 255) / 256 : 0;
  }
  /// s and m are nibbles of one byte.
  QOPT_EVERYWHERE bool nibbles() const {
    return superScales && minima && group == 16;
  }
  /// f16 of a row's record: a scale and perhaps a minimum.
  QOPT_EVERYWHERE int64_t halves() const { return minima ? 2 : 1; }

  int64_t packedBytes() const {
    return paddedRows() * paddedColumns() * bits / 8;
  }
  int64_t scaleBytes() const {
    return superScales ? paddedRows() * paddedColumns() / 128 * 8
                       : 2 * halves() * paddedRows() * groups();
  }
  int64_t zeroBytes() const { return zeros ? paddedRows() * groups() : 0; }
  int64_t superBytes() const {
    return 2 * halves() * paddedRows() * superBlocks();
  }
  int64_t bytes() const {
    return packedBytes() + scaleBytes() + zeroBytes() + superBytes();
  }

  /// Where the f16 of row and record `i` of `count` per row are; a minimum
  /// stands two f16 later.
  QOPT_EVERYWHERE int64_t halfIndex(int64_t row, int64_t i,
                                    int64_t count) const {
    return ((row / 16 * count + i) * 8 + row % 8) * 2 * halves() + row % 16 / 8;
  }
  QOPT_EVERYWHERE int64_t zeroIndex(int64_t row, int64_t i) const {
    return (row / 16 * groups() + i) * 16 + 2 * (row % 8) + row % 16 / 8;
  }
  /// Where the level s is; m stands two bytes later, unless in the same byte.
  QOPT_EVERYWHERE int64_t levelIndex(int64_t row, int64_t i) const {
    int64_t perChunk = 128 / group;
    return (row / 16 * (paddedColumns() / 128) + i / perChunk) * 128 +
           16 * (row % 8) + 16 / perChunk * (i % perChunk) + row % 16 / 8;
  }
};

/// Where the components lie on the device; null what there is not.
struct WeightPointers {
  uint8_t *packed;
  uint8_t *scales; // f16, or levels
  uint8_t *zeros;
  uint8_t *superScales; // f16
};

/// The code of a weight, put together from its bit planes. Tiles of 16 rows by
/// 64 columns take 128 bytes per bit.
QOPT_EVERYWHERE inline int codeAt(const WeightFormat &format,
                                  const uint8_t *packed, int64_t row,
                                  int64_t column) {
  int64_t tile = row / 16 * (format.paddedColumns() / 64) + column / 64;
  int64_t h = row % 16 / 8, s = column % 64 / 16, u = column % 16 / 8;
  int64_t lane = 4 * (row % 8) + column % 8 / 2, e = column % 2;
  int64_t pair = 4 * s + h + 2 * u;
  int code = 0, first = 0, widest = 0;
  for (int width = 8; width > 0; width /= 2) {
    if ((format.bits & width) == 0)
      continue;
    int64_t pairs = 16 / width, f = pair % pairs, bit = width * f;
    if (first == 0) {
      widest = width;
    } else {
      int64_t lowest = 8 / widest, j = f / lowest, half = pairs / lowest / 2;
      bit = (widest * (f % lowest) + first + 8 * (j / half) +
             width * (j % half)) %
            16;
    }
    bit += 16 * e;
    int64_t word = pair / pairs, side = width < 4 ? width : 4;
    int64_t byte = (tile * format.bits + first) * 128 +
                   4 * ((word / side * 32 + lane) * side + word % side) +
                   bit / 8;
    code |= (packed[byte] >> bit % 8 & ((1 << width) - 1)) << first;
    first += width;
  }
  return code;
}

/// An f16 as f32; no infinities and NaN.
QOPT_EVERYWHERE inline float halfAt(const uint8_t *bytes, int64_t index) {
  int bits = bytes[2 * index] | bytes[2 * index + 1] << 8;
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  float value = exponent ? fraction + 1024 : fraction;
  for (int i = exponent ? exponent : 1; i < 25; ++i)
    value *= 0.5f;
  for (int i = 25; i < exponent; ++i)
    value *= 2;
  return bits & 0x8000 ? -value : value;
}

/// The weight as a number: exact but for the roundings of f32.
QOPT_EVERYWHERE inline float weightAt(const WeightFormat &format,
                                      const WeightPointers &weight, int64_t row,
                                      int64_t column) {
  int64_t group = column / format.groupLength();
  int zero =
      format.zeros ? weight.zeros[format.zeroIndex(row, group)] : format.zero;
  float scale, minimum = 0;
  if (format.superScales) {
    int64_t place = format.levelIndex(row, group);
    int64_t super = format.halfIndex(row, column / 256, format.superBlocks());
    int s = weight.scales[place], m = 0;
    if (format.nibbles()) {
      m = s >> 4;
      s &= 15;
    } else if (format.minima) {
      m = weight.scales[place + 2];
    } else {
      s = int8_t(s);
    }
    scale = halfAt(weight.superScales, super) * float(s);
    if (format.minima)
      minimum = halfAt(weight.superScales, super + 2) * float(m);
  } else {
    int64_t place = format.halfIndex(row, group, format.groups());
    scale = halfAt(weight.scales, place);
    if (format.minima) // stored as what is added
      minimum = -halfAt(weight.scales, place + 2);
  }
  int code = codeAt(format, weight.packed, row, column);
  return scale * float(code - zero) - minimum;
}

#endif // QOPT_BENCHMARKS_GPU_LAYOUTS_H
