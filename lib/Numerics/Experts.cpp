//===- Experts.cpp - mixtures of experts ----------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Experts.h"
#include "KernelTable.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

using namespace qopt;

/// Whether expert `a` comes before `b`: the larger weight, then the lower
/// number. NaN comes last, so that the order is total.
static bool comesBefore(const float *weights, int64_t a, int64_t b) {
  const bool noNumber = std::isnan(weights[a]);
  if (noNumber || std::isnan(weights[b]))
    return noNumber == std::isnan(weights[b]) ? a < b : !noNumber;
  return weights[a] != weights[b] ? weights[a] > weights[b] : a < b;
}

void qopt::routeTokens(const ComputeContext &context, ConstMatrix logits,
                       int64_t topK, bool normalize, MutableMatrix weights) {
  assert(logits.rows == weights.rows && logits.columns == weights.columns &&
         topK >= 1 && topK <= logits.columns);
  const KernelTable &kernels = kernelsFor(context.isa);
  context.pool.parallelFor(logits.rows, [&](int64_t token) {
    float *row = weights.row(token);
    if (row != logits.row(token))
      std::copy_n(logits.row(token), logits.columns, row);
    kernels.softmax(row, weights.columns, 1);
    std::vector<int64_t> order(weights.columns);
    std::iota(order.begin(), order.end(), 0);
    std::nth_element(
        order.begin(), order.begin() + (topK - 1), order.end(),
        [&](int64_t a, int64_t b) { return comesBefore(row, a, b); });
    std::sort(order.begin(), order.begin() + topK);
    double kept = 0;
    for (int64_t i = 0; i < topK; ++i)
      kept += row[order[i]];
    for (int64_t i = topK; i < weights.columns; ++i)
      row[order[i]] = 0;
    if (normalize)
      for (int64_t i = 0; i < topK; ++i)
        row[order[i]] = float(row[order[i]] / kept);
  });
}

std::vector<int64_t> qopt::tokensOfExpert(ConstMatrix weights, int64_t expert) {
  std::vector<int64_t> tokens;
  for (int64_t token = 0; token < weights.rows; ++token)
    if (weights(token, expert) != 0)
      tokens.push_back(token);
  return tokens;
}

Status qopt::combineExperts(const ComputeContext &context, ConstMatrix weights,
                            std::span<const ConstMatrix> outputs,
                            MutableMatrix y) {
  assert(int64_t(outputs.size()) == weights.columns && weights.rows == y.rows);
  /// The row of each token in the output of each expert, if it goes there.
  std::vector<int64_t> rowOf(weights.rows * weights.columns);
  for (int64_t expert = 0; expert < weights.columns; ++expert) {
    int64_t rows = 0;
    for (int64_t token = 0; token < weights.rows; ++token)
      if (weights(token, expert) != 0)
        rowOf[token * weights.columns + expert] = rows++;
    if (outputs[expert].rows != rows || outputs[expert].columns != y.columns)
      return badInput("the output of expert ", expert, " is ",
                      outputs[expert].rows, "x", outputs[expert].columns,
                      " instead of ", rows, "x", y.columns);
  }
  context.pool.parallelFor(weights.rows, [&](int64_t token) {
    float *sum = y.row(token);
    std::fill(sum, sum + y.columns, 0.f);
    for (int64_t expert = 0; expert < weights.columns; ++expert) {
      const float weight = weights(token, expert);
      if (weight == 0)
        continue;
      const float *row =
          outputs[expert].row(rowOf[token * weights.columns + expert]);
      for (int64_t i = 0; i < y.columns; ++i)
        sum[i] += weight * row[i];
    }
  });
  return {};
}
