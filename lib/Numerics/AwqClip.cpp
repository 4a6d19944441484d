//===- AwqClip.cpp - how far the range of each group is narrowed ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// For one group and one step, the errors D [N, L] of all rows are formed and
// multiplied with the group's block of H at once; the loss of a row is the dot
// product of its rows of D and D · H.
//
//===----------------------------------------------------------------------===//
#include "FirstError.h"
#include "qopt/Numerics/Awq.h"
#include "qopt/Numerics/Gemm.h"
#include "qopt/Numerics/WeightView.h"

#include <limits>

using namespace qopt;

/// dᵀ M for each row d of `error`, dotted with d.
static std::vector<double> quadraticForms(const ComputeContext &context,
                                          ConstMatrix error,
                                          ConstMatrix matrix) {
  std::vector<float> product(error.rows * error.columns);
  MutableMatrix products(product.data(), error.rows, error.columns);
  gemm(context, error, matrix, products); // M is symmetric
  std::vector<double> forms(error.rows);
  context.pool.parallelFor(error.rows, [&](int64_t row) {
    for (int64_t k = 0; k < error.columns; ++k)
      forms[row] += double(error(row, k)) * products(row, k);
  });
  return forms;
}

double qopt::outputError(const ComputeContext &context, ConstMatrix error,
                         ConstMatrix hessian) {
  double sum = 0;
  for (double form : quadraticForms(context, error, hessian))
    sum += form;
  return sum / 2;
}

/// Writes Q(clip(w)) − w for one group of all rows.
static Status clippingErrors(const ComputeContext &context, ConstMatrix group,
                             uint8_t step, const GroupedScheme &scheme,
                             MutableMatrix errors) {
  FirstError failures(group.rows);
  context.pool.parallelFor(group.rows, [&](int64_t row) {
    std::vector<float> clipped(group.row(row), group.row(row) + group.columns);
    clipGroup(step, clipped);
    Result<GroupGrid> grid = findGrid(clipped, scheme);
    if (!grid)
      return failures.set(row, std::move(grid.error()));
    for (int64_t k = 0; k < group.columns; ++k)
      errors(row, k) =
          grid->decode(grid->encode(clipped[k], scheme.maxCode())) -
          group(row, k);
  });
  return std::move(failures).status();
}

Result<std::vector<uint8_t>> qopt::searchClips(const ComputeContext &context,
                                               ConstMatrix weights,
                                               ConstMatrix hessian,
                                               const GroupedScheme &scheme) {
  QOPT_CHECK(checkScheme(scheme));
  QOPT_CHECK(checkFinite(weights));
  const int64_t length = scheme.groupLength(weights.columns);
  const int64_t groups = scheme.groups(weights.columns);
  std::vector<uint8_t> steps(weights.rows * groups);
  std::vector<float> error(weights.rows * std::min(length, weights.columns));
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t begin = g * length;
    const int64_t count = std::min(length, weights.columns - begin);
    ConstMatrix group = weights.block(0, begin, weights.rows, count);
    MutableMatrix errors(error.data(), weights.rows, count);
    std::vector<double> best(weights.rows,
                             std::numeric_limits<double>::infinity());
    for (uint8_t step = 0; step < clipSteps / 2; ++step) {
      QOPT_CHECK(clippingErrors(context, group, step, scheme, errors));
      std::vector<double> losses = quadraticForms(
          context, errors, hessian.block(begin, begin, count, count));
      for (int64_t row = 0; row < weights.rows; ++row)
        if (losses[row] < best[row]) {
          best[row] = losses[row];
          steps[row * groups + g] = step;
        }
    }
  }
  return steps;
}
