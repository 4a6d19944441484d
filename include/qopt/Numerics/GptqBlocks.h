//===- GptqBlocks.h - GPTQ onto the grids of GGUF types ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The numbers that a super-block can represent follow from one or two f16
// numbers and a small integer level (or two) per sub-block (BlockGrid.h), so
// there is more to choose than codes. Rows are independent; for each,
//
//  1. GPTQ (Frantar et al., arXiv 2210.17323), super-block by super-block, on
//     weights that already carry the errors of those before. On entering one,
//     its d and dmin come from the format's own search, weighted by diag H; in
//     each sub-block the levels around those of the search are tried, its
//     columns quantized one after another with their errors compensated in all
//     later ones, and the levels with the smallest Σ err² kept.
//  2. Rounds of descent on (w − ŵ) H (w − ŵ)ᵀ itself: d and dmin by least
//     squares with codes and levels fixed; then each sub-block again, against
//     what all the others are now: with e = w − ŵ and g = H e its best real
//     numbers are t = ŵ_j + H_jj⁻¹ g_j, and levels and codes are searched as in
//     1. with the factor of H_jj⁻¹. A round never makes the error larger.
//
// Columns are visited by falling diag H inside sub-blocks, those by their
// largest inside super-blocks, and those likewise: nothing stored moves.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_GPTQBLOCKS_H
#define QOPT_NUMERICS_GPTQBLOCKS_H

#include "qopt/Formats/BlockGrid.h"
#include "qopt/Numerics/Cholesky.h"

#include <memory>
#include <span>
#include <vector>

namespace qopt {

struct GptqBlocksOptions {
  double damp = 0.01; // λ = damp · mean(diag H)
  int rounds = 4;     // of descent
};

/// H prepared for quantizing any number of weights that share their input, to
/// types whose blocks and sub-blocks have the same sizes.
class GptqBlocksFactor {
public:
  /// Factors a symmetric [K, K] Hessian in f64. BadInput if K is not whole
  /// blocks or H holds what no Hessian does. A column whose input was always 0
  /// counts as one that is hardly ever used.
  static Result<GptqBlocksFactor> create(const ComputeContext &context,
                                         std::span<const double> hessian,
                                         int64_t columns, const BlockGrid &grid,
                                         const GptqBlocksOptions &options = {});
  /// The same without what GPTQ itself needs, for descent from codes that are
  /// there, on H + λ I.
  static Result<GptqBlocksFactor>
  createForDescent(const ComputeContext &context,
                   std::span<const double> hessian, int64_t columns,
                   const BlockGrid &grid, double damping);
  GptqBlocksFactor(GptqBlocksFactor &&) noexcept;
  ~GptqBlocksFactor();

  double damping() const;    // λ
  int dampingRaised() const; // tenfold raises until Cholesky succeeded
  /// Of what `create` has made.
  InverseFactor inverse() const;
  /// Whether it can be used for weights of that grid.
  bool fits(const BlockGrid &grid) const;

  struct State;
  const State &operator*() const { return *state; }

private:
  explicit GptqBlocksFactor(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

struct GptqBlocksResult {
  std::vector<uint8_t> blocks; // as encodeBlocks makes them
  double proxyLoss = 0;        // tr(E H Eᵀ), E = W − Ŵ, with the damped H
};

/// Quantizes weights [N, K] to a format that has a BlockGrid. The same bytes
/// for any number of threads. BadInput naming row and column of a weight that
/// is not finite.
Result<GptqBlocksResult>
gptqQuantizeBlocks(const ComputeContext &context, ConstMatrix weights,
                   const GptqBlocksFactor &factor, const FormatRow &format,
                   const GptqBlocksOptions &options = {});

/// The same for a table of embeddings [N, K], of which one row at a time is
/// used: H = I, which leaves the search.
Result<GptqBlocksResult> quantizeTable(const ComputeContext &context,
                                       ConstMatrix table,
                                       const FormatRow &format,
                                       const GptqBlocksOptions &options = {});

} // namespace qopt

#endif // QOPT_NUMERICS_GPTQBLOCKS_H
