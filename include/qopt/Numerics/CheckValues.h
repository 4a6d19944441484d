//===- CheckValues.h - whether a matrix holds numbers -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_CHECKVALUES_H
#define QOPT_NUMERICS_CHECKVALUES_H

#include "qopt/Numerics/GgufEncode.h"

namespace qopt {

/// max |w| of a matrix [rows, columns], read a few rows at a time on all
/// threads. BadInput naming row, column and value of the first element that is
/// NaN or infinite; errors of the reader.
Result<float> largestMagnitude(int64_t rows, int64_t columns,
                               const RowsReader &read, ThreadPool &pool);

} // namespace qopt

#endif // QOPT_NUMERICS_CHECKVALUES_H
