//===- GptqBlocksState.h - a Hessian made ready for blocks ------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_NUMERICS_GPTQBLOCKSSTATE_H
#define QOPT_LIB_NUMERICS_GPTQBLOCKSSTATE_H

#include "GridPanel.h"
#include "Scratch.h"
#include "qopt/Numerics/GptqBlocks.h"

#include <functional>

namespace qopt::detail {

/// What a product reads and writes of one panel.
struct PanelProduct {
  const float *input; // [count, lanes]
  float *target;      // [columns of the span, lanes]
};

/// A matrix [K, K] as left factor of products with panels, packed by spans.
class PackedMatrix {
public:
  /// Writes row `row` of A in the columns of a span.
  using RowReader = std::function<void(int64_t row, const ColumnSpan &columns,
                                       float *target)>;
  /// Only what stands above the diagonal, if `upper`. `spans` must outlive
  /// this; rows are read by several threads.
  PackedMatrix(const ComputeContext &context,
               const std::vector<ColumnSpan> &spans, bool upper,
               const RowReader &readRow);

  /// target (mode)= A[rows [first, first + count) of span `from`, columns of
  /// span `to`]ᵀ · input, for several panels that share each piece of A.
  void multiply(const KernelTable &kernels, int64_t from, int64_t first,
                int64_t count, std::span<const PanelProduct> panels, int64_t to,
                TileMode mode) const;

private:
  const std::vector<ColumnSpan> &spans;
  std::vector<int64_t> offsets; // [from, to]: where each piece begins
  Scratch<float> numbers;
};

} // namespace qopt::detail

struct qopt::GptqBlocksFactor::State {
  int64_t columns;
  int elements, subElements;
  detail::ColumnVisit visit;
  std::vector<float> importance; // [K], stored order: diag H
  std::vector<float> upper;      // [K, K]: U, H⁻¹ = Uᵀ U, in order of the visit
  std::vector<float> subUpper;   // [K, sub]: the same of each sub-block alone
  std::vector<float> subInverse; // of each: H_jj⁻¹, packed as left factor
  int64_t packedSubSize = 0;     // numbers of each
  std::unique_ptr<detail::PackedMatrix> upperProducts, products; // of U, of H
  double damping = 0;
  int raised = 0;
};

#endif // QOPT_LIB_NUMERICS_GPTQBLOCKSSTATE_H
