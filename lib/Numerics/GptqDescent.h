//===- GptqDescent.h - better codes than GPTQ finds -------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// GPTQ decides on each column once, before it knows the errors of those after
// it, on grids that it has found on other weights. When all codes are there,
// each group can be decided again: the second part of GptqBlocks.h, with groups
// as blocks of one level.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_NUMERICS_GPTQDESCENT_H
#define QOPT_LIB_NUMERICS_GPTQDESCENT_H

#include "qopt/Numerics/Gptq.h"
#include "qopt/Numerics/GptqBlocks.h"

namespace qopt {

class GptqDescent {
public:
  /// Whether groups of that many columns can be blocks: whole ones, no longer
  /// than a search in each of them is worth.
  static bool fits(int64_t columns, int64_t groupLength) {
    return columns % groupLength == 0 && groupLength <= 256;
  }

  /// For weights [N, columns] whose groups fit, and H + λ I.
  static Result<GptqDescent> create(const ComputeContext &context,
                                    std::span<const double> hessian,
                                    int64_t columns, int64_t groupLength,
                                    double damping);

  /// Makes tr(E H Eᵀ) smaller, and returns it. Columns that are `dead` count as
  /// zeros.
  double run(const ComputeContext &context, ConstMatrix weights,
             std::span<const uint8_t> dead, GroupedMatrix &matrix,
             int rounds) const;

private:
  explicit GptqDescent(GptqBlocksFactor factor) : factor(std::move(factor)) {}
  GptqBlocksFactor factor;
};

} // namespace qopt

#endif // QOPT_LIB_NUMERICS_GPTQDESCENT_H
