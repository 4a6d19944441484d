//===- Gptaq.cpp - GPTQ towards the outputs of the float model ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Gptaq.h"
#include "qopt/Numerics/Gemm.h"

#include <algorithm>

using namespace qopt;

/// Rows whose products are summed in f32, as in syrk, and rows of C for which
/// that happens at a time.
static constexpr int64_t rowsPerPiece = 1024, rowsPerStrip = 512;

void CrossAccumulator::add(const ComputeContext &context, ConstMatrix original,
                           ConstMatrix present) {
  count += present.rows;
  std::vector<float> difference(columns * rowsPerPiece),
      transposed(columns * rowsPerPiece), products(rowsPerStrip * columns);
  for (int64_t first = 0; first < present.rows; first += rowsPerPiece) {
    const int64_t rows = std::min(rowsPerPiece, present.rows - first);
    context.pool.parallelFor(columns, [&](int64_t k) {
      for (int64_t row = 0; row < rows; ++row) {
        const float value = present(first + row, k);
        difference[k * rows + row] = original(first + row, k) - value;
        transposed[k * rows + row] = value;
      }
    });
    for (int64_t strip = 0; strip < columns; strip += rowsPerStrip) {
      const int64_t height = std::min(rowsPerStrip, columns - strip);
      gemm(context, {difference.data() + strip * rows, height, rows},
           {transposed.data(), columns, rows},
           {products.data(), height, columns});
      context.pool.parallelFor(height, [&](int64_t k) {
        for (int64_t j = 0; j < columns; ++j)
          sums[(strip + k) * columns + j] += products[k * columns + j];
      });
    }
  }
}

std::vector<float> CrossAccumulator::finish() {
  std::vector<float> result(sums.size());
  for (size_t i = 0; i < sums.size() && count > 0; ++i)
    result[i] = float(sums[i] * 2 / double(count));
  return result;
}

void qopt::shiftTarget(const ComputeContext &context, MutableMatrix weights,
                       std::span<const float> cross, const GptqFactor &factor,
                       double share) {
  const int64_t rows = weights.rows, columns = weights.columns;
  auto matrix = [&](std::vector<float> &numbers) {
    return MutableMatrix(numbers.data(), rows, columns);
  };
  ConstMatrix upper(factor.upper.data(), columns, columns);
  // W C, its columns in the order of the visit, times (H + λ)⁻¹ = Uᵀ U.
  std::vector<float> product(rows * columns), ordered(rows * columns);
  matmul(context, weights, {cross.data(), columns, columns}, matrix(product));
  context.pool.parallelFor(rows, [&](int64_t row) {
    for (int64_t step = 0; step < columns; ++step)
      ordered[row * columns + step] =
          product[row * columns + factor.permutation[step]];
  });
  gemm(context, matrix(ordered), upper, matrix(product));
  matmul(context, matrix(product), upper, matrix(ordered));
  context.pool.parallelFor(rows, [&](int64_t row) {
    for (int64_t step = 0; step < columns; ++step)
      weights(row, factor.permutation[step]) +=
          float(share * ordered[row * columns + step]);
  });
}
