//===- Blocks.h - block structs and the rows of FormatTable ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_BLOCKS_H
#define QOPT_LIB_FORMATS_BLOCKS_H

#include "qopt/Formats/FormatTable.h"

namespace qopt::detail {

// Each quantized format is one file; these are their rows.
extern const FormatRow rowQ8_0, rowQ4_0, rowQ4_1;

/// The reciprocal of a scale as ggml's quantizers take it: 0 for a zero scale,
/// so that a block of zeros has codes of zero.
inline float reciprocalOrZero(float scale) {
  return scale != 0 ? 1.0f / scale : 0.0f;
}

/// Conversion to int as x86-64 does it (cvttss2si), which ggml's reference
/// relies on for values out of range: NaN and overflow give INT32_MIN. Inside
/// the range it is the plain cast. Spelled out, the result is the same with
/// every compiler.
inline int32_t truncateToInt(float value) {
  return value > -2147483648.0f && value < 2147483648.0f ? int32_t(value)
                                                         : INT32_MIN;
}

} // namespace qopt::detail

#endif // QOPT_LIB_FORMATS_BLOCKS_H
