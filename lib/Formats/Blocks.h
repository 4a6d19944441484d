//===- Blocks.h - the rows of FormatTable that hold blocks ------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_BLOCKS_H
#define QOPT_LIB_FORMATS_BLOCKS_H

#include "qopt/Formats/FormatTable.h"

namespace qopt::detail {

// Each quantized format is one file; these are their rows.
extern const FormatRow rowQ8_0, rowQ4_0, rowQ4_1, rowQ5_0, rowQ5_1, rowQ2_K,
    rowQ3_K, rowQ4_K, rowQ5_K, rowQ6_K, rowIQ4_NL, rowIQ4_XS, rowMXFP4,
    rowTQ1_0, rowTQ2_0;

} // namespace qopt::detail

#endif // QOPT_LIB_FORMATS_BLOCKS_H
