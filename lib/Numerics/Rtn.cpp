//===- Rtn.cpp - round to nearest ---------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Rtn.h"
#include "FirstError.h"

using namespace qopt;

/// Rows are small; a task takes several.
static constexpr int64_t rowsPerTask = 16;

static Status quantizeRow(const float *weights, int64_t row,
                          const GridFinder &finder, GroupedMatrix &target) {
  const GroupedScheme &scheme = target.scheme;
  const int64_t columns = target.columns, groups = target.groups();
  const int64_t length = scheme.groupLength(columns);
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t begin = group * length;
    const int64_t count = std::min(length, columns - begin);
    Result<GroupGrid> grid = finder({weights + begin, size_t(count)});
    if (!grid)
      return makeError(grid.error().kind, "row ", row, ", group ", group, ": ",
                       grid.error().message);
    target.scales[row * groups + group] = grid->scaleBits;
    if (!scheme.symmetric)
      target.zeros[row * groups + group] = uint8_t(grid->zero);
    for (int64_t k = begin; k < begin + count; ++k)
      target.codes[row * columns + k] =
          uint8_t(grid->encode(weights[k], scheme.maxCode()));
  }
  return {};
}

Result<GroupedMatrix> qopt::rtnQuantize(const ComputeContext &context,
                                        ConstMatrix weights,
                                        const GroupedScheme &scheme,
                                        const GridFinder &finder) {
  QOPT_CHECK(checkScheme(scheme));
  if (weights.columns < 1)
    return badInput("the weights have no columns");
  QOPT_CHECK(checkFinite(weights));
  GroupedMatrix result(scheme, weights.rows, weights.columns);
  const int64_t tasks = (weights.rows + rowsPerTask - 1) / rowsPerTask;
  FirstError errors(tasks);
  context.pool.parallelFor(tasks, [&](int64_t task) {
    const int64_t end = std::min(weights.rows, (task + 1) * rowsPerTask);
    for (int64_t row = task * rowsPerTask; row < end; ++row)
      if (Status status = quantizeRow(weights.row(row), row, finder, result);
          !status)
        return errors.set(task, std::move(status.error()));
  });
  QOPT_CHECK(std::move(errors).status());
  return result;
}

Result<GroupedMatrix> qopt::rtnQuantize(const ComputeContext &context,
                                        ConstMatrix weights,
                                        const GroupedScheme &scheme,
                                        const GridOptions &options) {
  return rtnQuantize(context, weights, scheme,
                     [&](std::span<const float> group) {
                       return findGrid(group, scheme, options);
                     });
}
