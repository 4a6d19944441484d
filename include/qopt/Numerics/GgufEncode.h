//===- GgufEncode.h - matrices as GGUF blocks ---------------------- -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_GGUFENCODE_H
#define QOPT_NUMERICS_GGUFENCODE_H

#include "qopt/Formats/FormatTable.h"
#include "qopt/Numerics/MatrixView.h"
#include "qopt/Support/Error.h"
#include "qopt/Support/ThreadPool.h"

#include <functional>
#include <span>
#include <vector>

namespace qopt {

/// Writes rows [first, first + target.rows) of a matrix; called from several
/// threads.
using RowsReader = std::function<Status(int64_t first, MutableMatrix target)>;

/// The blocks of a matrix [rows, columns], row by row. Rows are read and
/// encoded in parallel, a few at a time. `importance` weights the errors that
/// encoders minimize: one number ≥ 0 per column, or [matrices, columns] for a
/// stack of matrices whose rows are the rows in turn; empty for none. `read`
/// and errors count rows from `firstRow`. BadInput if the columns are not whole
/// blocks, or naming row, column and value of the first weight that is NaN or
/// infinite, or in F16 would become it. Errors of `read` are passed on.
Result<std::vector<uint8_t>>
encodeBlocks(const FormatRow &format, int64_t rows, int64_t columns,
             const RowsReader &read, ThreadPool &pool,
             std::span<const float> importance = {}, int64_t firstRow = 0);

} // namespace qopt

#endif // QOPT_NUMERICS_GGUFENCODE_H
