//===- Finite.h - finding NaN and infinity fast -----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_NUMERICS_FINITE_H
#define QOPT_LIB_NUMERICS_FINITE_H

#include "qopt/Numerics/MatrixView.h"
#include "qopt/Support/Error.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace qopt {

/// The largest exponent of a row is an integer maximum, which vectorizes,
/// unlike a loop that may leave early.
inline bool allFinite(const float *values, int64_t count) {
  uint32_t largest = 0;
  for (int64_t i = 0; i < count; ++i)
    largest =
        std::max(largest, std::bit_cast<uint32_t>(values[i]) & 0x7f800000);
  return largest < 0x7f800000;
}

/// BadInput "<what> [row, column] is <value>" for the first element that is NaN
/// or infinite.
inline Status checkFinite(ConstMatrix matrix, const char *what) {
  for (int64_t row = 0; row < matrix.rows; ++row) {
    const float *values = matrix.row(row);
    if (allFinite(values, matrix.columns))
      continue;
    for (int64_t column = 0; column < matrix.columns; ++column)
      if (!std::isfinite(values[column]))
        return badInput(what, " [", row, ", ", column, "] is ", values[column]);
  }
  return {};
}

} // namespace qopt

#endif // QOPT_LIB_NUMERICS_FINITE_H
