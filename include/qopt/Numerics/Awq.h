//===- Awq.h - scales that protect what large inputs meet -------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Lin et al., arXiv 2306.00978. Weights that are multiplied with large inputs
// matter more. Scaled up before rounding, and their inputs down by as much,
// they lose less: Q(W · diag(s)) · diag(1/s) replaces Q(W). How much depends on
// how large the inputs are, s = mean|x|^α, and α is found by trying.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_AWQ_H
#define QOPT_NUMERICS_AWQ_H

#include "qopt/Formats/FormatTable.h"
#include "qopt/Numerics/ComputeContext.h"
#include "qopt/Numerics/Grid.h"

#include <functional>
#include <span>
#include <vector>

namespace qopt {

struct AwqOptions {
  int grid = 20; // α is 0, 1/grid, …, 1
  /// Divide by the mean of the weights, too: s = mean|x|^α / mean|w|^(1−α).
  bool duo = false;
};

/// s = activation^α, or activation^α / weight^(1−α) if `weight` is not empty,
/// at least 1e-4, times what makes √(min s · max s) one. Channels whose
/// activation is 0 take no part and get 1.
std::vector<float> awqScales(std::span<const double> activation,
                             std::span<const double> weight, double alpha);

struct AwqChoice {
  double alpha = 0;
  std::vector<float> scales; // of the chosen α; all 1 if none is better
  double loss = 0, unscaledLoss = 0;
};

/// The loss of a set of scales.
using ScaleLoss = std::function<Result<double>(std::span<const float> scales)>;

/// Tries every α and keeps the smallest loss, no scales first.
Result<AwqChoice> searchAwqScales(std::span<const double> activation,
                                  std::span<const double> weight,
                                  const AwqOptions &options,
                                  const ScaleLoss &loss);

/// What weights [N, K] become by quantization, as floats.
using MatrixRounder =
    std::function<Status(const ComputeContext &, MutableMatrix weights)>;
/// The nearest points of a grouped scheme, or of the blocks of a GGUF type.
MatrixRounder groupedRounder(const GroupedScheme &scheme);
MatrixRounder ggufRounder(const FormatRow &format);

/// Q(W · diag(s)) · diag(1/s) in place of W [N, K]; s [K].
Status roundScaled(const ComputeContext &context, const MatrixRounder &round,
                   std::span<const float> scales, MutableMatrix weights);

/// Mean |w| of each column of W [N, K], each weight as a share of the largest
/// in its group of `groupLength` columns: what `duo` divides by.
std::vector<double> relativeMagnitudes(ConstMatrix weights,
                                       int64_t groupLength);

/// tr(E H Eᵀ) / 2 with E [N, K] and H = 2/n Σ x xᵀ [K, K]: the mean square of
/// the error that E makes in the outputs, summed over them.
double outputError(const ComputeContext &context, ConstMatrix error,
                   ConstMatrix hessian);

/// How far each group of each row is clipped: a limit of max|w| · (1 − step/20)
/// for step 0 to 9, which minimises the error of the group's share of the
/// output, dᵀ H d with d = Q(clip(w)) − w. [N, G] steps.
Result<std::vector<uint8_t>> searchClips(const ComputeContext &context,
                                         ConstMatrix weights,
                                         ConstMatrix hessian,
                                         const GroupedScheme &scheme);

} // namespace qopt

#endif // QOPT_NUMERICS_AWQ_H
