//===- Gptq.h - quantization that corrects its errors -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Frantar et al., arXiv 2210.17323. Columns are quantized one after another;
// the error of each is spread over the columns that come later, so that the
// output of the linear changes as little as H = 2/n Σ x xᵀ allows.
//
// No order needs a g_idx: a group is always a run of consecutive stored
// columns. GptqOrder::Group keeps the columns of a group together while
// visiting them; GptqOrder::Act does not, and therefore fixes the grids
// beforehand.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_GPTQ_H
#define QOPT_NUMERICS_GPTQ_H

#include "qopt/Numerics/Cholesky.h"
#include "qopt/Numerics/Grid.h"

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace qopt {

/// The order in which GPTQ visits the columns.
enum class GptqOrder : uint8_t {
  None,  // as stored
  Act,   // by falling diag H, over all columns; the grids of all groups are
         // found up front on the original weights ("static groups")
  Group, // by falling diag H inside each group, groups by their largest
};
/// "none", "act", "group".
std::string_view gptqOrderName(GptqOrder order);
std::optional<GptqOrder> parseGptqOrder(std::string_view name);

struct GptqOptions {
  double damp = 0.01;  // λ = damp · mean(diag H)
  int64_t block = 128; // columns between two lazy updates of the rest
  GptqOrder order = GptqOrder::Act;
  bool mse = false;          // see GridOptions
  bool staticGroups = false; // all grids up front, whatever the order
  /// Rounds of descent after GPTQ, in which each group finds its grid and codes
  /// anew against the errors of all others. GPTQ then begins with grids of
  /// findWeightedGrid by diag H, unless `mse`. 0 is the algorithm of the paper,
  /// as are groups of more than 256 columns or with a shorter one at the end,
  /// and a gridFinder.
  int rounds = 0;
  /// If set, chooses the grids in place of findGrid.
  GridFinder gridFinder;
};

class GptqDescent;

/// H prepared for quantizing any number of weights that share their input
/// (q, k and v; gate and up).
struct GptqFactor {
  int64_t columns = 0;
  GptqOrder order = GptqOrder::None;
  int64_t groupLength = 0;          // that the order was made for
  std::vector<int64_t> permutation; // [K]: the column visited at each step
  std::vector<uint8_t> dead;        // [K], stored order: diag H was 0
  std::vector<float> upper;         // [K, K]: U of the permuted H, H⁻¹ = Uᵀ U
  double damping = 0;               // λ
  int dampingRaised = 0;            // tenfold raises until Cholesky succeeded
  std::shared_ptr<const GptqDescent> descent; // null without rounds
  std::vector<float> importance; // [K], stored order: diag H; with descent

  InverseFactor inverse() const {
    return {{upper.data(), columns, columns}, permutation};
  }
};

/// Factors a symmetric [K, K] Hessian in f64; options used: damp, order,
/// whether there are rounds.
Result<GptqFactor> gptqFactor(const ComputeContext &context,
                              std::span<const double> hessian, int64_t columns,
                              const GroupedScheme &scheme,
                              const GptqOptions &options = {});
Result<GptqFactor> gptqFactor(const ComputeContext &context,
                              std::span<const float> hessian, int64_t columns,
                              const GroupedScheme &scheme,
                              const GptqOptions &options = {});

struct GptqResult {
  GroupedMatrix matrix; // codes in the stored order of the columns
  double proxyLoss = 0; // tr(E H Eᵀ), E = W − Ŵ, with the damped H
  double damping = 0;
  int dampingRaised = 0;
};

/// Quantizes weights [N, K]. Columns whose input is always 0 get the code of
/// weight 0. Errors as for rtnQuantize.
Result<GptqResult> gptqQuantize(const ComputeContext &context,
                                ConstMatrix weights, const GptqFactor &factor,
                                const GroupedScheme &scheme,
                                const GptqOptions &options = {});
/// gptqFactor and gptqQuantize in one.
Result<GptqResult> gptqQuantize(const ComputeContext &context,
                                ConstMatrix weights,
                                std::span<const double> hessian,
                                const GroupedScheme &scheme,
                                const GptqOptions &options = {});

} // namespace qopt

#endif // QOPT_NUMERICS_GPTQ_H
