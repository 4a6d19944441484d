//===- CheckValues.cpp - whether a matrix holds numbers -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/CheckValues.h"
#include "FirstError.h"

#include <algorithm>
#include <cmath>

using namespace qopt;

/// Numbers that a task reads at a time, at least a row.
static constexpr int64_t taskNumbers = 1 << 18;

Result<float> qopt::largestMagnitude(int64_t rows, int64_t columns,
                                     const RowsReader &read, ThreadPool &pool) {
  const int64_t taskRows = std::max<int64_t>(1, taskNumbers / columns);
  const int64_t tasks = (rows + taskRows - 1) / taskRows;
  std::vector<float> largest(tasks);
  FirstError errors(tasks);
  pool.parallelFor(tasks, [&](int64_t task) {
    const int64_t first = task * taskRows;
    const int64_t count = std::min(taskRows, rows - first);
    std::vector<float> values(count * columns);
    if (Status status =
            read(first, MutableMatrix(values.data(), count, columns));
        !status)
      return errors.set(task, std::move(status.error()));
    for (size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i]))
        return errors.set(task, {ErrorKind::BadInput,
                                 str("row ", first + int64_t(i) / columns,
                                     ", column ", int64_t(i) % columns, " is ",
                                     values[i])});
      largest[task] = std::max(largest[task], std::fabs(values[i]));
    }
  });
  QOPT_CHECK(std::move(errors).status());
  return *std::max_element(largest.begin(), largest.end());
}
