//===- Grouped.h - integers with a scale per group --------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The grouped scheme: a weight matrix W [N, K] is stored as b-bit codes q with
// one f16 scale s and, unless symmetric, one zero point z for each run of
// `groupSize` columns of a row:
//
//     w_hat[n, k] = s[n, g] * (q[n, k] - z[n, g]),   g = k / groupSize
//
// GPTQ, AWQ and Marlin checkpoints hold this scheme in three different bit
// layouts. If groupSize does not divide K, the last group is shorter.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_GROUPED_H
#define QOPT_FORMATS_GROUPED_H

#include <cstdint>
#include <span>
#include <vector>

namespace qopt {

struct GroupedScheme {
  int bits = 4;            // 2 to 8
  int64_t groupSize = 128; // columns that share a scale; -1: the whole row
  bool symmetric = false;  // the zero point is 2^(bits-1), and is not stored

  int maxCode() const { return (1 << bits) - 1; }
  int symmetricZero() const { return 1 << (bits - 1); }
  int64_t groupLength(int64_t columns) const {
    return groupSize < 0 ? columns : groupSize;
  }
  /// G: groups of a row of `columns` weights.
  int64_t groups(int64_t columns) const {
    int64_t length = groupLength(columns);
    return (columns + length - 1) / length;
  }
  /// Bytes of a row of packed codes: low bits first, rows padded to bytes.
  int64_t packedRowBytes(int64_t columns) const {
    return (columns * bits + 7) / 8;
  }
  bool operator==(const GroupedScheme &) const = default;
};

/// A quantized matrix in memory, one byte per code.
struct GroupedMatrix {
  GroupedScheme scheme;
  int64_t rows = 0, columns = 0;
  std::vector<uint8_t> codes;   // [N, K]
  std::vector<uint16_t> scales; // f16 bits [N, G]
  std::vector<uint8_t> zeros;   // [N, G]; empty if symmetric

  GroupedMatrix() = default;
  /// Allocates everything, zero-filled.
  GroupedMatrix(GroupedScheme scheme, int64_t rows, int64_t columns);

  int64_t groups() const { return scheme.groups(columns); }
  int zero(int64_t row, int64_t group) const {
    return scheme.symmetric ? scheme.symmetricZero()
                            : zeros[row * groups() + group];
  }
  /// w_hat of one row, in f32: exact products of an f16 and an integer.
  void dequantizeRow(int64_t row, float *target) const;
};

/// Packs one row of codes, low bits first; `target` holds packedRowBytes.
void packCodes(std::span<const uint8_t> codes, int bits, uint8_t *target);
/// The inverse; reads packedRowBytes bytes.
void unpackCodes(const uint8_t *source, int bits, std::span<uint8_t> codes);

} // namespace qopt

#endif // QOPT_FORMATS_GROUPED_H
