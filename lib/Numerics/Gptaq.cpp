//===- Gptaq.cpp - GPTQ towards the outputs of the float model ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Gptaq.h"
#include "GemmDriver.h"
#include "Scratch.h"
#include "qopt/Numerics/Gemm.h"

#include <algorithm>
#include <utility>

using namespace qopt;

void CrossAccumulator::add(const ComputeContext &context, ConstMatrix original,
                           ConstMatrix present) {
  if (present.rows == 0)
    return;
  if (sums.empty())
    assignZeros(context.pool, sums, columns * columns);
  Scratch<float> memory(present.rows * columns);
  MutableMatrix difference(memory.data(), present.rows, columns);
  context.pool.parallelFor(present.rows, [&](int64_t row) {
    for (int64_t k = 0; k < columns; ++k)
      difference(row, k) = original(row, k) - present(row, k);
  });
  gemmBlocked(context, present.rows, byColumns(difference), byColumns(present),
              sums.data(), columns, TileMode::Add);
  count += present.rows;
}

std::vector<float> CrossAccumulator::finish() {
  sums.resize(columns * columns); // nothing seen: zeros
  for (float &sum : sums)
    sum *= 2.f / float(std::max<int64_t>(count, 1));
  count = 0;
  return std::exchange(sums, {});
}

/// Columns of a product with a triangle that are formed at a time, from that
/// part of the triangle's rows that is not zero for all of them.
static constexpr int64_t columnsPerStrip = 512;

/// c = a · Uᵀ.
static void multiplyTransposed(const ComputeContext &context, ConstMatrix a,
                               ConstMatrix upper, MutableMatrix c) {
  for (int64_t begin = 0; begin < c.columns; begin += columnsPerStrip) {
    const int64_t width = std::min(columnsPerStrip, c.columns - begin);
    const int64_t depth = c.columns - begin;
    gemm(context, a.block(0, begin, a.rows, depth),
         upper.block(begin, begin, width, depth),
         c.block(0, begin, c.rows, width));
  }
}

/// c = a · U.
static void multiply(const ComputeContext &context, ConstMatrix a,
                     ConstMatrix upper, MutableMatrix c) {
  for (int64_t begin = 0; begin < c.columns; begin += columnsPerStrip) {
    const int64_t width = std::min(columnsPerStrip, c.columns - begin);
    const int64_t depth = begin + width;
    matmul(context, a.block(0, 0, a.rows, depth),
           upper.block(0, begin, depth, width),
           c.block(0, begin, c.rows, width));
  }
}

void qopt::shiftTarget(const ComputeContext &context, MutableMatrix weights,
                       std::span<const float> cross,
                       const InverseFactor &inverse, double share) {
  const int64_t rows = weights.rows, columns = weights.columns;
  Scratch<float> first(rows * columns), second(rows * columns);
  MutableMatrix product(first.data(), rows, columns);
  MutableMatrix ordered(second.data(), rows, columns);
  // W C, its columns in the order of the visit, times H⁻¹ = Uᵀ U.
  matmul(context, weights, {cross.data(), columns, columns}, product);
  context.pool.parallelFor(rows, [&](int64_t row) {
    for (int64_t step = 0; step < columns; ++step)
      ordered(row, step) = product(row, inverse.order[step]);
  });
  multiplyTransposed(context, ordered, inverse.upper, product);
  multiply(context, product, inverse.upper, ordered);
  context.pool.parallelFor(rows, [&](int64_t row) {
    for (int64_t step = 0; step < columns; ++step)
      weights(row, inverse.order[step]) += float(share * ordered(row, step));
  });
}
