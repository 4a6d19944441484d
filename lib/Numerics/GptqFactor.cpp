//===- GptqFactor.cpp - a Hessian made ready for GPTQ ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GptqDescent.h"
#include "qopt/Numerics/Cholesky.h"
#include "qopt/Numerics/Gptq.h"

#include <algorithm>
#include <numeric>

using namespace qopt;

std::string_view qopt::gptqOrderName(GptqOrder order) {
  switch (order) {
  case GptqOrder::Act:
    return "act";
  case GptqOrder::Group:
    return "group";
  case GptqOrder::None:
    break;
  }
  return "none";
}

std::optional<GptqOrder> qopt::parseGptqOrder(std::string_view name) {
  for (GptqOrder order : {GptqOrder::None, GptqOrder::Act, GptqOrder::Group})
    if (name == gptqOrderName(order))
      return order;
  return std::nullopt;
}

/// The columns in the order of their visit; equals keep their stored order.
static std::vector<int64_t> columnOrder(const std::vector<double> &diagonal,
                                        GptqOrder order, int64_t groupLength) {
  const int64_t columns = diagonal.size();
  std::vector<int64_t> result(columns);
  std::iota(result.begin(), result.end(), 0);
  if (order == GptqOrder::None)
    return result;
  auto before = [&](int64_t a, int64_t b) {
    return diagonal[a] != diagonal[b] ? diagonal[a] > diagonal[b] : a < b;
  };
  std::sort(result.begin(), result.end(), before);
  if (order == GptqOrder::Act)
    return result;
  // In the sorted order a group first shows its largest column, so the order
  // of first appearance is the order of the groups.
  std::vector<int64_t> rank((columns + groupLength - 1) / groupLength, -1);
  int64_t seen = 0;
  for (int64_t column : result)
    if (int64_t &group = rank[column / groupLength]; group < 0)
      group = seen++;
  std::sort(result.begin(), result.end(), [&](int64_t a, int64_t b) {
    const int64_t groupA = rank[a / groupLength],
                  groupB = rank[b / groupLength];
    return groupA != groupB ? groupA < groupB : before(a, b);
  });
  return result;
}

template <typename T>
static Result<GptqFactor> factor(const ComputeContext &context,
                                 std::span<const T> hessian, int64_t columns,
                                 const GroupedScheme &scheme,
                                 const GptqOptions &options) {
  QOPT_CHECK(checkScheme(scheme));
  if (columns < 1 || int64_t(hessian.size()) != columns * columns)
    return internalError("a Hessian of ", hessian.size(), " numbers for ",
                         columns, " columns");
  if (!(options.damp >= 0))
    return usageError("damp must not be negative, is ", options.damp);
  GptqFactor result;
  result.columns = columns;
  result.order = options.order;
  result.groupLength = scheme.groupLength(columns);
  std::vector<double> diagonal(columns);
  result.dead.resize(columns);
  for (int64_t k = 0; k < columns; ++k) {
    diagonal[k] = hessian[k * columns + k];
    if (!(diagonal[k] >= 0)) // sorting needs ordered numbers
      return badInput("the Hessian has ", diagonal[k], " at diagonal element ",
                      k);
    result.dead[k] = diagonal[k] == 0;
  }
  result.permutation = columnOrder(diagonal, options.order, result.groupLength);
  QOPT_ASSIGN(HessianInverseFactor<float> inverse,
              factorInverse<float>(context, hessian, columns, options.damp,
                                   result.permutation));
  result.upper = std::move(inverse.upper);
  result.damping = inverse.damping;
  result.dampingRaised = inverse.raised;
  if (options.rounds > 0 && GptqDescent::fits(columns, result.groupLength)) {
    std::vector<double> widened;
    std::span<const double> wide;
    if constexpr (std::is_same_v<T, double>) {
      wide = hessian;
    } else {
      widened.assign(hessian.begin(), hessian.end());
      wide = widened;
    }
    QOPT_ASSIGN(GptqDescent descent,
                GptqDescent::create(context, wide, columns, result.groupLength,
                                    result.damping));
    result.importance.assign(diagonal.begin(), diagonal.end());
    result.descent = std::make_shared<GptqDescent>(std::move(descent));
  }
  return result;
}

Result<GptqFactor> qopt::gptqFactor(const ComputeContext &context,
                                    std::span<const double> hessian,
                                    int64_t columns,
                                    const GroupedScheme &scheme,
                                    const GptqOptions &options) {
  return factor(context, hessian, columns, scheme, options);
}

Result<GptqFactor> qopt::gptqFactor(const ComputeContext &context,
                                    std::span<const float> hessian,
                                    int64_t columns,
                                    const GroupedScheme &scheme,
                                    const GptqOptions &options) {
  return factor(context, hessian, columns, scheme, options);
}
