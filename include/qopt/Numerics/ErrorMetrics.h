//===- ErrorMetrics.h - how far one model is from another -------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_ERRORMETRICS_H
#define QOPT_NUMERICS_ERRORMETRICS_H

#include "qopt/Numerics/ComputeContext.h"
#include "qopt/Numerics/MatrixView.h"

#include <span>
#include <vector>

namespace qopt {

/// −log softmax(logits)[target], natural logarithm, summed in f64.
double negativeLogLikelihood(std::span<const float> logits, int32_t target);
/// The same for each row of logits [T, V]; targets [T] lie in [0, V).
std::vector<double> negativeLogLikelihoods(const ComputeContext &context,
                                           ConstMatrix logits,
                                           std::span<const int32_t> targets);

/// KL(P‖Q) = Σ p (log p − log q) of the softmaxes of two rows of logits.
double klDivergence(std::span<const float> p, std::span<const float> q);
/// The same for each row of two matrices of logits [T, V].
std::vector<double> klDivergences(const ComputeContext &context, ConstMatrix p,
                                  ConstMatrix q);

/// The index of the largest value, the first of equals.
int64_t argmax(std::span<const float> values);
/// How many rows of two [T, V] matrices have the same argmax.
int64_t countTop1Agreement(const ComputeContext &context, ConstMatrix p,
                           ConstMatrix q);

/// 0 for no values.
double mean(std::span<const double> values);
/// The smallest value that at least `fraction` of the values do not exceed
/// (nearest rank); 0 for no values.
double quantile(std::vector<double> values, double fraction);

/// Σ (a − b)² over two matrices of one shape, in f64.
double squaredDistance(const ComputeContext &context, ConstMatrix a,
                       ConstMatrix b);

/// tr(E H Eᵀ), E = a − b [N, K], H [K, K]: what GPTQ minimises.
double proxyLoss(const ComputeContext &context, ConstMatrix a, ConstMatrix b,
                 MatrixView<const double> hessian);

} // namespace qopt

#endif // QOPT_NUMERICS_ERRORMETRICS_H
