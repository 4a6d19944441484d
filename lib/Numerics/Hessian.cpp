//===- Hessian.cpp - statistics of a linear's inputs --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Hessian.h"
#include "Finite.h"
#include "Scratch.h"
#include "qopt/Numerics/Gemm.h"

#include <algorithm>
#include <cmath>

using namespace qopt;

/// Rows that are added to the sums at a time, a piece of syrk.
static constexpr int64_t rowsPerPiece = 1024;
static constexpr int64_t columnsPerTask = 256;

HessianStatistics HessianStatistics::identity(int64_t columns) {
  HessianStatistics result;
  result.columns = columns;
  result.hessian.resize(columns * columns);
  for (int64_t k = 0; k < columns; ++k)
    result.hessian[k * columns + k] = 1;
  result.meanAbsolute.assign(columns, 0);
  result.sumSquares.assign(columns, 0);
  result.maxAbsolute.assign(columns, 0);
  return result;
}

HessianAccumulator::HessianAccumulator(int64_t columns, bool products)
    : columns(columns), products(products), sumAbsolute(columns),
      sumSquares(columns), maxAbsolute(columns) {}

Status HessianAccumulator::add(const ComputeContext &context,
                               ConstMatrix activations) {
  if (activations.columns != columns)
    return internalError("activations have ", activations.columns,
                         " columns, the Hessian ", columns);
  QOPT_CHECK(checkFinite(activations, "activation"));
  for (int64_t row = 0; row < activations.rows;) {
    const int64_t left = activations.rows - row;
    if (buffered == 0 && left >= rowsPerPiece) {
      addPiece(context, activations.block(row, 0, rowsPerPiece, columns));
      row += rowsPerPiece;
      continue;
    }
    const int64_t taken = std::min(left, rowsPerPiece - buffered);
    buffer.resize(rowsPerPiece * columns);
    for (int64_t i = 0; i < taken; ++i)
      std::copy_n(activations.row(row + i), columns,
                  buffer.data() + (buffered + i) * columns);
    row += taken;
    buffered += taken;
    if (buffered == rowsPerPiece)
      addBuffer(context);
  }
  count += activations.rows;
  return {};
}

void HessianAccumulator::addBuffer(const ComputeContext &context) {
  addPiece(context, {buffer.data(), buffered, columns});
  buffered = 0;
}

void HessianAccumulator::addPiece(const ComputeContext &context,
                                  ConstMatrix piece) {
  if (products) {
    if (sums.empty()) // not before: it can be a gigabyte
      assignZeros(context.pool, sums, columns * columns);
    syrk(context, piece, {sums.data(), columns, columns});
  }
  const int64_t tasks = (columns + columnsPerTask - 1) / columnsPerTask;
  context.pool.parallelFor(tasks, [&](int64_t task) {
    const int64_t begin = task * columnsPerTask;
    const int64_t end = std::min(columns, begin + columnsPerTask);
    for (int64_t row = 0; row < piece.rows; ++row)
      for (int64_t k = begin; k < end; ++k) {
        const float magnitude = std::fabs(piece(row, k));
        sumAbsolute[k] += magnitude;
        sumSquares[k] += double(magnitude) * magnitude;
        maxAbsolute[k] = std::max(maxAbsolute[k], magnitude);
      }
  });
}

HessianStatistics HessianAccumulator::finish(const ComputeContext &context) {
  if (buffered > 0)
    addBuffer(context);
  HessianStatistics result;
  result.columns = columns;
  result.samples = count;
  if (products)
    sums.resize(columns * columns); // nothing seen: zeros
  result.hessian = std::move(sums);
  result.meanAbsolute = std::move(sumAbsolute);
  result.sumSquares = std::move(sumSquares);
  result.maxAbsolute = std::move(maxAbsolute);
  if (count > 0) {
    for (double &value : result.meanAbsolute)
      value /= double(count);
  }
  if (count > 0 && products) {
    context.pool.parallelFor(columns, [&](int64_t row) {
      for (int64_t k = row; k < columns; ++k)
        result.hessian[row * columns + k] *= 2. / double(count);
    });
    mirrorUpper(context, {result.hessian.data(), columns, columns});
  }
  *this = HessianAccumulator(columns, products);
  return result;
}
