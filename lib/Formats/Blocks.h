//===- Blocks.h - the rows of FormatTable that hold blocks ------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_BLOCKS_H
#define QOPT_LIB_FORMATS_BLOCKS_H

#include "qopt/Formats/BlockGrid.h"

/// X(set, format) for every quantized format: a file of its own, with its row.
/// The files are compiled once per instruction set, into a namespace `set`.
#define QOPT_BLOCK_FORMATS(X, set)                                             \
  X(set, Q8_0)                                                                 \
  X(set, Q4_0)                                                                 \
  X(set, Q4_1)                                                                 \
  X(set, Q5_0)                                                                 \
  X(set, Q5_1) X(set, Q2_K) X(set, Q3_K) X(set, Q4_K) X(set, Q5_K)             \
      X(set, Q6_K) X(set, IQ4_NL) X(set, IQ4_XS) X(set, MXFP4) X(set, TQ1_0)   \
          X(set, TQ2_0)

/// Those of them whose blocks can be taken apart (BlockGrid.h).
#define QOPT_GRID_FORMATS(X, set)                                              \
  X(set, Q8_0)                                                                 \
  X(set, Q4_0)                                                                 \
  X(set, Q4_1)                                                                 \
  X(set, Q5_0)                                                                 \
  X(set, Q5_1) X(set, Q2_K) X(set, Q3_K) X(set, Q4_K) X(set, Q5_K)             \
      X(set, Q6_K) X(set, IQ4_NL) X(set, IQ4_XS)

/// The set that this file is compiled for.
#ifndef QOPT_CODECS
#define QOPT_CODECS baseline
#endif

#define QOPT_DECLARE_ROW(set, format)                                          \
  namespace qopt::detail::set {                                                \
  extern const FormatRow row##format;                                          \
  }
QOPT_BLOCK_FORMATS(QOPT_DECLARE_ROW, baseline)
QOPT_BLOCK_FORMATS(QOPT_DECLARE_ROW, avx2)
QOPT_BLOCK_FORMATS(QOPT_DECLARE_ROW, avx512)
#undef QOPT_DECLARE_ROW

#define QOPT_DECLARE_GRID(set, format)                                         \
  namespace qopt::detail::set {                                                \
  extern const BlockGrid grid##format;                                         \
  }
QOPT_GRID_FORMATS(QOPT_DECLARE_GRID, baseline)
QOPT_GRID_FORMATS(QOPT_DECLARE_GRID, avx2)
QOPT_GRID_FORMATS(QOPT_DECLARE_GRID, avx512)
#undef QOPT_DECLARE_GRID

#endif // QOPT_LIB_FORMATS_BLOCKS_H
