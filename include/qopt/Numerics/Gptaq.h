//===- Gptaq.h - GPTQ towards the outputs of the float model ----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Li et al., GPTAQ, arXiv 2504.02692: behind quantized weights a linear reads x̃
// where the float model reads x, and should still give W x. Over Q,
//
//     Σ |Q x̃ − W x|² = Σ |(Q − W′) x̃|² + constant,
//     W′ = W + W C H⁻¹,  C = 2/n Σ (x − x̃) x̃ᵀ,  H = 2/n Σ x̃ x̃ᵀ
//
// so plain GPTQ on W′ does it. The paper spreads the same correction over the
// columns while it visits them.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_GPTAQ_H
#define QOPT_NUMERICS_GPTAQ_H

#include "qopt/Numerics/Cholesky.h"

namespace qopt {

/// Collects C [K, K] over batches of rows, in f32: C is the estimate of an
/// error, of which the sums lose nothing that matters.
class CrossAccumulator {
public:
  explicit CrossAccumulator(int64_t columns) : columns(columns) {}

  /// Adds rows of x and of x̃ [rows, K].
  void add(const ComputeContext &context, ConstMatrix original,
           ConstMatrix present);
  /// C of everything added. The accumulator is empty afterwards.
  std::vector<float> finish();

private:
  int64_t columns, count = 0;
  std::vector<float> sums; // empty before a batch
};

/// W + share · W C H⁻¹ in place of W [N, K].
void shiftTarget(const ComputeContext &context, MutableMatrix weights,
                 std::span<const float> cross, const InverseFactor &inverse,
                 double share);

} // namespace qopt

#endif // QOPT_NUMERICS_GPTAQ_H
