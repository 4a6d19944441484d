//===- GgufEncode.cpp - matrices as GGUF blocks ---------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/GgufEncode.h"
#include "Finite.h"

#include <algorithm>
#include <cmath>
#include <memory>

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

namespace {
/// The importance of the columns, for each row.
struct RowImportance {
  std::span<const float> values; // [matrices, columns], or empty
  int64_t rowsOfMatrix, columns;

  const float *of(int64_t row) const {
    return values.empty() ? nullptr
                          : values.data() + row / rowsOfMatrix * columns;
  }
  /// Rows from `row` on that share it, up to `end`.
  int64_t run(int64_t row, int64_t end) const {
    return std::min(end, (row / rowsOfMatrix + 1) * rowsOfMatrix) - row;
  }
};
} // namespace

/// Rows from `first` on of those that are encoded, where `read` counts from
/// `firstRow`.
static Status encodeTask(const FormatRow &format, int64_t first,
                         int64_t firstRow, MutableMatrix weights,
                         const RowsReader &read,
                         const RowImportance &importance, uint8_t *target) {
  QOPT_CHECK(read(firstRow + first, weights));
  for (int64_t row = 0; row < weights.rows; ++row) {
    for (int64_t column =
             allFinite(weights.row(row), weights.columns) ? weights.columns : 0;
         column < weights.columns; ++column)
      if (!std::isfinite(weights(row, column)))
        return badInput("row ", firstRow + first + row, ", column ", column,
                        ": ", weights(row, column),
                        " cannot be quantized; weights must be finite");
    if (format.type == GgufType::F16)
      QOPT_CHECK(checkF16Range(firstRow + first + row, weights.row(row),
                               weights.columns));
  }
  for (int64_t row = 0, count; row < weights.rows; row += count) {
    count = importance.run(first + row, first + weights.rows);
    format.encodeRows(weights.row(row), importance.of(first + row),
                      target + row * format.rowBytes(weights.columns), count,
                      weights.columns);
  }
  return {};
}

Result<std::vector<uint8_t>>
qopt::encodeBlocks(const FormatRow &format, int64_t rows, int64_t columns,
                   const RowsReader &read, ThreadPool &pool,
                   std::span<const float> importance, int64_t firstRow) {
  if (columns % format.blockElements != 0)
    return badInput("rows of ", columns, " weights are not whole blocks of ",
                    format.ggmlName, ", which hold ", format.blockElements);
  const int64_t matrices =
      std::max<int64_t>(1, int64_t(importance.size()) / columns);
  if (int64_t(importance.size()) % columns != 0 || rows % matrices != 0)
    return internalError("importance of ", importance.size(), " numbers for ",
                         rows, " rows of ", columns);
  const RowImportance importanceOf{
      importance, std::max<int64_t>(1, rows / matrices), columns};
  std::vector<uint8_t> blocks(rows * format.rowBytes(columns));
  int64_t tasks = (rows + kTaskRows - 1) / kTaskRows;
  std::vector<Status> outcomes(tasks);
  pool.parallelFor(tasks, [&](int64_t task) {
    int64_t first = task * kTaskRows;
    int64_t count = std::min(kTaskRows, rows - first);
    auto weights = std::make_unique_for_overwrite<float[]>(count * columns);
    outcomes[task] = encodeTask(
        format, first, firstRow, MutableMatrix(weights.get(), count, columns),
        read, importanceOf, blocks.data() + first * format.rowBytes(columns));
  });
  for (Status &outcome : outcomes)
    QOPT_CHECK(std::move(outcome));
  return blocks;
}
