//===- Cholesky.h - triangular factors in f64 -------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// GPTQ needs U, the upper Cholesky factor of H⁻¹ = Uᵀ U. It is found without
// H⁻¹: with the reverse factorisation H = R Rᵀ, R upper triangular,
// H⁻¹ = R⁻ᵀ R⁻¹, so U = R⁻¹ by uniqueness of the factor with a positive
// diagonal.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_CHOLESKY_H
#define QOPT_NUMERICS_CHOLESKY_H

#include "qopt/Numerics/ComputeContext.h"
#include "qopt/Numerics/MatrixView.h"

#include <span>
#include <vector>

namespace qopt {

/// The factor that GPTQ works with.
template <typename U> struct HessianInverseFactor {
  std::vector<U> upper; // [K, K]: U, upper triangular, H⁻¹ = Uᵀ U
  double damping = 0;   // λ that was added to the diagonal of H
  int raised = 0;       // how often λ was raised tenfold to get there
};

/// U of an H whose rows and columns are in some order.
struct InverseFactor {
  ConstMatrix upper;              // [K, K]
  std::span<const int64_t> order; // [K]: the stored column of each
};

/// U of H + λI, λ = damp · mean(diag H), found in f64. H(i, j) is element
/// (order[i], order[j]) of the symmetric [K, K] array, or (i, j) without an
/// order; of (i, j) and (j, i) one is read. A `diagonal` stands in for that of
/// the array; without, a zero there (an input that is always 0) counts as 1. A
/// factorisation that fails is tried again with λ ten times larger, up to 1000
/// · mean(diag H); then, and if H holds a value that is not finite, BadInput. U
/// is float or double, and so is T.
template <typename U, typename T>
Result<HessianInverseFactor<U>>
factorInverse(const ComputeContext &context, std::span<const T> hessian,
              int64_t columns, double damp, std::span<const int64_t> order = {},
              std::span<const double> diagonal = {});

} // namespace qopt

#endif // QOPT_NUMERICS_CHOLESKY_H
