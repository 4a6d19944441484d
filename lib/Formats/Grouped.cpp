//===- Grouped.cpp - integers with a scale per group ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/Grouped.h"
#include "qopt/Formats/Half.h"

#include <algorithm>

using namespace qopt;

GroupedMatrix::GroupedMatrix(GroupedScheme scheme, int64_t rows,
                             int64_t columns)
    : scheme(scheme), rows(rows), columns(columns), codes(rows * columns),
      scales(rows * scheme.groups(columns)),
      zeros(scheme.symmetric ? 0 : rows * scheme.groups(columns)) {}

void GroupedMatrix::dequantizeRow(int64_t row, float *target) const {
  const uint8_t *rowCodes = codes.data() + row * columns;
  const int64_t length = scheme.groupLength(columns);
  for (int64_t group = 0; group < groups(); ++group) {
    float scale = f16ToF32(scales[row * groups() + group]);
    int zeroPoint = zero(row, group);
    int64_t end = std::min(columns, (group + 1) * length);
    for (int64_t k = group * length; k < end; ++k)
      target[k] = scale * float(int(rowCodes[k]) - zeroPoint);
  }
}

void qopt::packCodes(std::span<const uint8_t> codes, int bits,
                     uint8_t *target) {
  uint32_t pending = 0;
  int filled = 0;
  for (uint8_t code : codes) {
    pending |= uint32_t(code) << filled;
    filled += bits;
    for (; filled >= 8; filled -= 8, pending >>= 8)
      *target++ = uint8_t(pending);
  }
  if (filled > 0)
    *target = uint8_t(pending);
}

void qopt::unpackCodes(const uint8_t *source, int bits,
                       std::span<uint8_t> codes) {
  uint32_t pending = 0;
  int filled = 0;
  for (uint8_t &code : codes) {
    if (filled < bits) {
      pending |= uint32_t(*source++) << filled;
      filled += 8;
    }
    code = pending & ((1u << bits) - 1);
    pending >>= bits;
    filled -= bits;
  }
}
