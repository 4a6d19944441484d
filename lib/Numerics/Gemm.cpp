//===- Gemm.cpp - dense matrix products -----------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Gemm.h"
#include "GemmDriver.h"

#include <algorithm>
#include <cassert>

using namespace qopt;

/// With so few rows of x, reading w is the cost, and packing would double it.
static constexpr int64_t fewRows = 4;
/// Rows of w per task of that path: they stay in cache for all rows of x.
static constexpr int64_t dotRowsPerTask = 16;

/// An empty sum: products of depth 0.
static void clear(MutableMatrix y) {
  for (int64_t row = 0; row < y.rows; ++row)
    std::fill_n(y.row(row), y.columns, 0.f);
}

void qopt::gemm(const ComputeContext &context, ConstMatrix x, ConstMatrix w,
                MutableMatrix y) {
  assert(x.columns == w.columns && x.rows == y.rows && w.rows == y.columns);
  if (x.columns == 0)
    return clear(y);
  if (x.rows > fewRows)
    return gemmBlocked(context, x.columns, byRows(x), byRows(w), y.data,
                       y.stride, TileMode::Store);
  auto dotRows = kernelsFor(context.isa).dotRows;
  const int64_t tasks = (w.rows + dotRowsPerTask - 1) / dotRowsPerTask;
  const int64_t work = x.rows * w.rows * w.columns;
  parallelTasks(context, tasks, work, [&](int64_t task) {
    const int64_t begin = task * dotRowsPerTask;
    const int64_t count = std::min(dotRowsPerTask, w.rows - begin);
    for (int64_t row = 0; row < x.rows; ++row)
      dotRows(x.row(row), w.row(begin), w.stride, count, x.columns,
              y.row(row) + begin);
  });
}

void qopt::matmul(const ComputeContext &context, ConstMatrix a, ConstMatrix b,
                  MutableMatrix c) {
  assert(a.columns == b.rows && a.rows == c.rows && b.columns == c.columns);
  if (a.columns == 0)
    return clear(c);
  gemmBlocked(context, a.columns, byRows(a), byColumns(b), c.data, c.stride,
              TileMode::Store);
}

void qopt::gemmSubtract(const ComputeContext &context, ConstMatrix a,
                        ConstMatrix b, MutableMatrix c) {
  assert(a.columns == b.rows && a.rows == c.rows && b.columns == c.columns);
  gemmBlocked(context, a.columns, byRows(a), byColumns(b), c.data, c.stride,
              TileMode::Subtract);
}

void qopt::gemmSubtract(const ComputeContext &context,
                        MatrixView<const double> a, MatrixView<const double> b,
                        MatrixView<double> c) {
  assert(a.columns == b.rows && a.rows == c.rows && b.columns == c.columns);
  gemmBlocked(context, a.columns, byRows(a), byColumns(b), c.data, c.stride,
              TileMode::Subtract);
}
