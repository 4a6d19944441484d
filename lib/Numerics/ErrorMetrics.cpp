//===- ErrorMetrics.cpp - how far one model is from another ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/ErrorMetrics.h"

#include <algorithm>
#include <cassert>
#include <cmath>

using namespace qopt;

/// log Σ exp(x), in f64.
static double logSumExp(std::span<const float> x) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (float value : x)
    sum += std::exp(value - largest);
  return largest + std::log(sum);
}

double qopt::negativeLogLikelihood(std::span<const float> logits,
                                   int32_t target) {
  assert(target >= 0 && target < int64_t(logits.size()));
  return logSumExp(logits) - logits[target];
}

static std::span<const float> rowOf(ConstMatrix matrix, int64_t row) {
  return {matrix.row(row), size_t(matrix.columns)};
}

std::vector<double>
qopt::negativeLogLikelihoods(const ComputeContext &context, ConstMatrix logits,
                             std::span<const int32_t> targets) {
  assert(int64_t(targets.size()) == logits.rows);
  std::vector<double> result(logits.rows);
  context.pool.parallelFor(logits.rows, [&](int64_t row) {
    result[row] = negativeLogLikelihood(rowOf(logits, row), targets[row]);
  });
  return result;
}

double qopt::klDivergence(std::span<const float> p, std::span<const float> q) {
  assert(p.size() == q.size());
  const double logP = logSumExp(p), logQ = logSumExp(q);
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double log = p[i] - logP, probability = std::exp(log);
    if (probability > 0) // 0 · log 0 = 0
      sum += probability * (log - (q[i] - logQ));
  }
  return sum;
}

std::vector<double> qopt::klDivergences(const ComputeContext &context,
                                        ConstMatrix p, ConstMatrix q) {
  assert(p.rows == q.rows);
  std::vector<double> result(p.rows);
  context.pool.parallelFor(p.rows, [&](int64_t row) {
    result[row] = klDivergence(rowOf(p, row), rowOf(q, row));
  });
  return result;
}

int64_t qopt::argmax(std::span<const float> values) {
  return std::max_element(values.begin(), values.end()) - values.begin();
}

int64_t qopt::countTop1Agreement(const ComputeContext &context, ConstMatrix p,
                                 ConstMatrix q) {
  assert(p.rows == q.rows);
  std::vector<uint8_t> same(p.rows);
  context.pool.parallelFor(p.rows, [&](int64_t row) {
    same[row] = argmax(rowOf(p, row)) == argmax(rowOf(q, row));
  });
  return std::count(same.begin(), same.end(), 1);
}

double qopt::mean(std::span<const double> values) {
  double sum = 0;
  for (double value : values)
    sum += value;
  return values.empty() ? 0 : sum / double(values.size());
}

double qopt::quantile(std::vector<double> values, double fraction) {
  if (values.empty())
    return 0;
  const int64_t rank = int64_t(std::ceil(fraction * double(values.size())));
  const auto nth =
      values.begin() + std::clamp<int64_t>(rank - 1, 0, values.size() - 1);
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

double qopt::squaredDistance(const ComputeContext &context, ConstMatrix a,
                             ConstMatrix b) {
  assert(a.rows == b.rows && a.columns == b.columns);
  std::vector<double> rows(a.rows);
  context.pool.parallelFor(a.rows, [&](int64_t row) {
    for (int64_t k = 0; k < a.columns; ++k) {
      const double difference = double(a(row, k)) - b(row, k);
      rows[row] += difference * difference;
    }
  });
  double sum = 0;
  for (double value : rows)
    sum += value;
  return sum;
}

double qopt::proxyLoss(const ComputeContext &context, ConstMatrix a,
                       ConstMatrix b, MatrixView<const double> hessian) {
  assert(a.rows == b.rows && a.columns == b.columns &&
         hessian.rows == a.columns);
  std::vector<double> rows(a.rows);
  context.pool.parallelFor(a.rows, [&](int64_t row) {
    std::vector<double> error(a.columns);
    for (int64_t k = 0; k < a.columns; ++k)
      error[k] = double(a(row, k)) - b(row, k);
    for (int64_t k = 0; k < a.columns; ++k) {
      double product = 0;
      for (int64_t j = 0; j < a.columns; ++j)
        product += hessian(k, j) * error[j];
      rows[row] += error[k] * product;
    }
  });
  double sum = 0;
  for (double value : rows)
    sum += value;
  return sum;
}
