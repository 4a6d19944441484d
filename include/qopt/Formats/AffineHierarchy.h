//===- AffineHierarchy.h - how codes become weights -------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Every quantized scheme of this project is the same formula with other
// numbers: for a code q of a group g inside of a super-block b of a row
//
//     w_hat = S_g (v(q) - zero) - M_g
//
//     v(q)  the code itself, or the q-th of 16 values
//     S_g   f16 | 2^(e_g - 128) | d_b s_g     one level, or two
//     M_g   0 | S_g z_g | -m_g | dmin_b m_g   zero point, f16, or two levels
//
// A format is this description plus where the bits of q, s, m, z lie, which is
// GroupedScheme for our own schemes and BlockFields for GGUF types. Kernels,
// layouts and the scalar reference follow the description and know no format.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_AFFINEHIERARCHY_H
#define QOPT_FORMATS_AFFINEHIERARCHY_H

#include "qopt/Formats/Grouped.h"

#include <algorithm>

namespace qopt {

struct AffineHierarchy {
  enum class Scale : uint8_t {
    Half,     // S is an f16
    Exponent, // S = 2^(e - 128), e a byte
    Level,    // S = d s, d an f16 of the super-block and s in -128 ... 127
  };
  enum class Minimum : uint8_t {
    None,
    ZeroPoint, // M = S z, z a byte
    Half,      // M = -m, m an f16: m is added
    Level,     // M = dmin m, dmin an f16 of the super-block and m in 0 ... 63
  };

  AffineHierarchy() = default;
  AffineHierarchy(const GroupedScheme &scheme)
      : bits(scheme.bits), zero(scheme.symmetric ? scheme.symmetricZero() : 0),
        groupSize(scheme.groupSize),
        minimum(scheme.symmetric ? Minimum::None : Minimum::ZeroPoint) {}

  int bits = 4;                   // of a code
  int zero = 0;                   // subtracted from v(q)
  const int8_t *values = nullptr; // 16 values that 4-bit codes stand for
  int64_t groupSize = 32;         // columns that share S and M; -1: the row
  int64_t superSize = 0;          // columns that share d and dmin; 0: no levels
  Scale scale = Scale::Half;
  Minimum minimum = Minimum::None;
  /// s and m are the low and the high nibble of one byte.
  bool nibbleLevels = false;

  bool hasLevels() const { return superSize > 0; }
  int64_t groupLength(int64_t columns) const {
    return groupSize < 0 ? columns : groupSize;
  }
  /// G: groups of a row.
  int64_t groups(int64_t columns) const {
    int64_t length = groupLength(columns);
    return (columns + length - 1) / length;
  }
  int64_t superBlocks(int64_t columns) const {
    return hasLevels() ? (columns + superSize - 1) / superSize : 0;
  }
  bool operator==(const AffineHierarchy &) const = default;
};

/// The numbers of one row: what the bits of a format mean before they are
/// multiplied.
struct HierarchyRow {
  HierarchyRow(const AffineHierarchy &hierarchy, int64_t columns)
      : codes(columns), scales(hierarchy.groups(columns)),
        minima(hierarchy.minimum == AffineHierarchy::Minimum::None
                   ? 0
                   : scales.size()),
        superScales(hierarchy.superBlocks(columns)),
        superMinima(hierarchy.minimum == AffineHierarchy::Minimum::Level
                        ? superScales.size()
                        : 0) {}

  std::vector<uint8_t> codes;        // [K]
  std::vector<uint16_t> scales;      // [G] f16, e, or s as a byte
  std::vector<uint16_t> minima;      // [G] f16, z, or m
  std::vector<uint16_t> superScales; // f16
  std::vector<uint16_t> superMinima; // f16

  /// S and M of a group, in f32.
  float scale(const AffineHierarchy &hierarchy, int64_t group) const;
  float minimum(const AffineHierarchy &hierarchy, int64_t group) const;
  /// w_hat of the row; `target` holds K numbers.
  void dequantize(const AffineHierarchy &hierarchy, float *target) const;
};

} // namespace qopt

#endif // QOPT_FORMATS_AFFINEHIERARCHY_H
