//===- GgufEncode.cpp - matrices as GGUF blocks -------------------- -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/GgufEncode.h"

#include <algorithm>
#include <cmath>

using namespace qopt;

/// Rows of one task. Few, because a task holds them in f32; fixed, so that the
/// first error found does not depend on the thread count.
static constexpr int64_t kTaskRows = 32;

/// Weights that would round to infinity.
static Status checkF16Range(int64_t row, const float *weights,
                            int64_t columns) {
  for (int64_t column = 0; column < columns; ++column)
    if (std::fabs(weights[column]) >= 65520)
      return badInput("row ", row, ", column ", column, ": ", weights[column],
                      " is beyond f16; store floats as f32 or bf16");
  return {};
}

static Status encodeTask(const FormatRow &format, int64_t first,
                         MutableMatrix weights, const RowsReader &read,
                         uint8_t *target) {
  QOPT_CHECK(read(first, weights));
  for (int64_t row = 0; row < weights.rows; ++row) {
    for (int64_t column = 0; column < weights.columns; ++column)
      if (!std::isfinite(weights(row, column)))
        return badInput("row ", first + row, ", column ", column, ": ",
                        weights(row, column),
                        " cannot be quantized; weights must be finite");
    if (format.type == GgufType::F16)
      QOPT_CHECK(checkF16Range(first + row, weights.row(row), weights.columns));
  }
  format.encodeRows(weights.data, nullptr, target, weights.rows,
                    weights.columns);
  return {};
}

Result<std::vector<uint8_t>> qopt::encodeBlocks(const FormatRow &format,
                                                int64_t rows, int64_t columns,
                                                const RowsReader &read,
                                                ThreadPool &pool) {
  if (columns % format.blockElements != 0)
    return badInput("rows of ", columns, " weights are not whole blocks of ",
                    format.ggmlName, ", which hold ", format.blockElements);
  std::vector<uint8_t> blocks(rows * format.rowBytes(columns));
  int64_t tasks = (rows + kTaskRows - 1) / kTaskRows;
  std::vector<Status> outcomes(tasks);
  pool.parallelFor(tasks, [&](int64_t task) {
    int64_t first = task * kTaskRows;
    int64_t count = std::min(kTaskRows, rows - first);
    std::vector<float> weights(count * columns);
    outcomes[task] =
        encodeTask(format, first, MutableMatrix(weights.data(), count, columns),
                   read, blocks.data() + first * format.rowBytes(columns));
  });
  for (Status &outcome : outcomes)
    QOPT_CHECK(std::move(outcome));
  return blocks;
}
