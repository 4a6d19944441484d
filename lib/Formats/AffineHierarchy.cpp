//===- AffineHierarchy.cpp - how codes become weights ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/AffineHierarchy.h"
#include "qopt/Formats/Half.h"

using namespace qopt;

/// 2^(e - 128), also where that is subnormal.
static float halfUnit(uint16_t e) {
  uint32_t bits = e < 2 ? 0x00200000u << e : uint32_t(e - 1) << 23;
  return __builtin_bit_cast(float, bits);
}

float HierarchyRow::scale(const AffineHierarchy &h, int64_t group) const {
  switch (h.scale) {
  case AffineHierarchy::Scale::Half:
    return f16ToF32(scales[group]);
  case AffineHierarchy::Scale::Exponent:
    return halfUnit(scales[group]);
  case AffineHierarchy::Scale::Level:
    return f16ToF32(superScales[group * h.groupSize / h.superSize]) *
           float(int8_t(scales[group]));
  }
  __builtin_unreachable();
}

float HierarchyRow::minimum(const AffineHierarchy &h, int64_t group) const {
  switch (h.minimum) {
  case AffineHierarchy::Minimum::None:
    return 0;
  case AffineHierarchy::Minimum::ZeroPoint:
    return scale(h, group) * float(minima[group]);
  case AffineHierarchy::Minimum::Half:
    return -f16ToF32(minima[group]);
  case AffineHierarchy::Minimum::Level:
    return f16ToF32(superMinima[group * h.groupSize / h.superSize]) *
           float(minima[group]);
  }
  __builtin_unreachable();
}

void HierarchyRow::dequantize(const AffineHierarchy &h, float *target) const {
  const int64_t columns = codes.size(), length = h.groupLength(columns);
  const bool zeroPoints = h.minimum == AffineHierarchy::Minimum::ZeroPoint;
  for (int64_t group = 0; group < int64_t(scales.size()); ++group) {
    // A zero point is subtracted as an integer, which is exact.
    const int zero = zeroPoints ? minima[group] : h.zero;
    const float s = scale(h, group), m = zeroPoints ? 0 : minimum(h, group);
    const int64_t end = std::min(columns, (group + 1) * length);
    for (int64_t k = group * length; k < end; ++k) {
      int value = h.values ? h.values[codes[k]] : codes[k];
      target[k] = s * float(value - zero) - m;
    }
  }
}
