//===- GptqBlocksFactor.cpp - a Hessian made ready for blocks -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "FirstError.h"
#include "GptqBlocksState.h"
#include "qopt/Numerics/Cholesky.h"

#include <algorithm>
#include <numeric>

using namespace qopt;
using namespace qopt::detail;

/// Columns of a span, at least.
static constexpr int64_t spanColumns = 256;

GptqBlocksFactor::GptqBlocksFactor(std::unique_ptr<State> state)
    : state(std::move(state)) {}
GptqBlocksFactor::GptqBlocksFactor(GptqBlocksFactor &&) noexcept = default;
GptqBlocksFactor::~GptqBlocksFactor() = default;
double GptqBlocksFactor::damping() const { return state->damping; }
int GptqBlocksFactor::dampingRaised() const { return state->raised; }
bool GptqBlocksFactor::fits(const BlockGrid &grid) const {
  return state->elements == grid.elements &&
         state->subElements == grid.subElements;
}

PackedMatrix::PackedMatrix(const ComputeContext &context,
                           const std::vector<float> &a,
                           const std::vector<ColumnSpan> &spans, bool upper)
    : spans(spans), packed(spans.size() * spans.size()) {
  const KernelTable &kernels = kernelsFor(context.isa);
  const int64_t columns = spans.back().end, tile = kernels.f32.tileRows;
  context.pool.parallelFor(packed.size(), [&](int64_t index) {
    const ColumnSpan &from = spans[index / spans.size()];
    const ColumnSpan &to = spans[index % spans.size()];
    if (upper && from.begin > to.begin)
      return;
    const int64_t tiles = (to.size() + tile - 1) / tile;
    packed[index].resize(tiles * tile * from.size());
    for (int64_t i = 0; i < tiles; ++i)
      kernels.f32.pack(a.data() + from.begin * columns + to.begin + i * tile, 1,
                       columns, std::min(tile, to.size() - i * tile),
                       from.size(), int(tile),
                       packed[index].data() + i * tile * from.size());
  });
}

void PackedMatrix::multiply(const KernelTable &kernels, int64_t from,
                            int64_t first, int64_t count,
                            std::span<const PanelProduct> panels, int64_t to,
                            TileMode mode) const {
  const int64_t tile = kernels.f32.tileRows, lanes = kernels.f32.tileColumns;
  const int64_t depth = spans[from].size(), size = spans[to].size();
  const float *left = packed[from * spans.size() + to].data();
  // The input of one panel fills the first-level cache, all of A's piece the
  // second-level one: so a panel goes through all of A before the next one.
  for (const PanelProduct &panel : panels)
    for (int64_t column = 0; column < size; column += tile)
      kernels.f32.tile(count, left + column * depth + first * tile, panel.input,
                       panel.target + column * lanes, lanes,
                       int(std::min(tile, size - column)), int(lanes), mode);
}

/// Columns by falling diagonal inside of sub-blocks, those by their largest
/// inside of spans, and those by theirs. Equals keep their stored order.
static ColumnVisit planVisit(const std::vector<double> &diagonal,
                             const BlockGrid &grid) {
  const int64_t columns = diagonal.size(), sub = grid.subElements;
  const int64_t length = std::max<int64_t>(
      grid.elements, spanColumns / grid.elements * grid.elements);
  auto sorted = [](int64_t begin, int64_t count, auto value) {
    std::vector<int64_t> order(count);
    std::iota(order.begin(), order.end(), begin);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      const double first = value(a), second = value(b);
      return first != second ? first > second : a < b;
    });
    return order;
  };
  auto largest = [&](int64_t begin, int64_t count) {
    return *std::max_element(diagonal.begin() + begin,
                             diagonal.begin() +
                                 std::min(columns, begin + count));
  };
  ColumnVisit visit;
  for (int64_t span :
       sorted(0, (columns + length - 1) / length,
              [&](int64_t i) { return largest(i * length, length); })) {
    const int64_t first = span * length, begin = visit.columns.size();
    const int64_t size = std::min(length, columns - first);
    for (int64_t j : sorted(first / sub, size / sub,
                            [&](int64_t i) { return largest(i * sub, sub); }))
      for (int64_t column :
           sorted(j * sub, sub, [&](int64_t i) { return diagonal[i]; }))
        visit.columns.push_back(column);
    visit.spans.push_back({begin, int64_t(visit.columns.size()), first});
  }
  return visit;
}

/// U of one sub-block, and H_jj⁻¹ = Uᵀ U packed as left factor.
static Status factorSubBlock(const ComputeContext &context,
                             const std::vector<double> &hessian, int64_t index,
                             GptqBlocksFactor::State &state) {
  const GemmKernels<float> &kernels = kernelsFor(context.isa).f32;
  const int64_t columns = state.columns, sub = state.subElements;
  const int64_t begin = index * sub;
  std::vector<double> block(sub * sub);
  for (int64_t i = 0; i < sub; ++i)
    std::copy_n(hessian.data() + (begin + i) * columns + begin, sub,
                block.data() + i * sub);
  QOPT_ASSIGN(
      HessianInverseFactor<double> factor,
      factorInverse<double>(context, std::span<const double>(block), sub, 0));
  std::vector<double> inverse(sub * sub);
  for (int64_t k = 0; k < sub; ++k) {
    const double *row = factor.upper.data() + k * sub;
    for (int64_t i = k; i < sub; ++i)
      for (int64_t j = k; j < sub; ++j)
        inverse[i * sub + j] += row[i] * row[j];
  }
  std::copy_n(factor.upper.begin(), sub * sub,
              state.subUpper.begin() + begin * sub);
  const std::vector<float> narrowed(inverse.begin(), inverse.end());
  float *packed = state.subInverse.data() + index * state.packedSubSize;
  for (int64_t first = 0; first < sub; first += kernels.tileRows)
    kernels.pack(narrowed.data() + first, 1, sub,
                 std::min<int64_t>(kernels.tileRows, sub - first), sub,
                 kernels.tileRows, packed + first * sub);
  return {};
}

static Status factorSubBlocks(const ComputeContext &context,
                              const std::vector<double> &hessian,
                              GptqBlocksFactor::State &state) {
  const int64_t count = state.columns / state.subElements;
  const int64_t sub = state.subElements,
                tile = kernelsFor(context.isa).f32.tileRows;
  state.packedSubSize = (sub + tile - 1) / tile * tile * sub;
  state.subUpper.resize(state.columns * sub);
  state.subInverse.resize(count * state.packedSubSize);
  FirstError errors(count);
  context.pool.parallelFor(count, [&](int64_t index) {
    if (Status status = factorSubBlock(context, hessian, index, state); !status)
      errors.set(index, std::move(status.error()));
  });
  return std::move(errors).status();
}

/// H in the order of the visit, its diagonal without zeros.
static Result<std::vector<double>>
planAndPermute(const ComputeContext &context, std::span<const double> hessian,
               const BlockGrid &grid, GptqBlocksFactor::State &state) {
  const int64_t columns = state.columns;
  if (columns < 1 || int64_t(hessian.size()) != columns * columns)
    return internalError("a Hessian of ", hessian.size(), " numbers for ",
                         columns, " columns");
  if (columns % grid.elements != 0)
    return badInput("rows of ", columns, " weights are not whole blocks of ",
                    grid.elements);
  double trace = 0;
  std::vector<double> diagonal(columns);
  for (int64_t k = 0; k < columns; ++k) {
    diagonal[k] = hessian[k * columns + k];
    if (!(diagonal[k] >= 0))
      return badInput("the Hessian has ", diagonal[k], " at diagonal element ",
                      k);
    trace += diagonal[k];
  }
  // An input that was always 0 may come to life on another text.
  const double mean = trace > 0 ? trace / double(columns) : 1;
  for (double &value : diagonal)
    if (value == 0)
      value = 1e-4 * mean;
  state.elements = grid.elements;
  state.subElements = grid.subElements;
  state.visit = planVisit(diagonal, grid);
  state.importance.assign(diagonal.begin(), diagonal.end());
  const std::vector<int64_t> &order = state.visit.columns;
  std::vector<double> permuted(columns * columns);
  context.pool.parallelFor(columns, [&](int64_t i) {
    for (int64_t j = 0; j < columns; ++j)
      permuted[i * columns + j] = hessian[order[i] * columns + order[j]];
    permuted[i * columns + i] = diagonal[order[i]];
  });
  return permuted;
}

/// What descent needs, of H + λ I.
static Status prepareDescent(const ComputeContext &context,
                             std::vector<double> permuted, double damping,
                             GptqBlocksFactor::State &state) {
  for (int64_t k = 0; k < state.columns; ++k)
    permuted[k * state.columns + k] += damping;
  state.damping = damping;
  QOPT_CHECK(factorSubBlocks(context, permuted, state));
  std::vector<float> narrowed(permuted.begin(), permuted.end());
  state.products = std::make_unique<PackedMatrix>(context, narrowed,
                                                  state.visit.spans, false);
  return {};
}

Result<GptqBlocksFactor> GptqBlocksFactor::create(
    const ComputeContext &context, std::span<const double> hessian,
    int64_t columns, const BlockGrid &grid, const GptqBlocksOptions &options) {
  if (!(options.damp >= 0))
    return usageError("damp must not be negative, is ", options.damp);
  auto state = std::make_unique<State>();
  state->columns = columns;
  QOPT_ASSIGN(std::vector<double> permuted,
              planAndPermute(context, hessian, grid, *state));
  QOPT_ASSIGN(HessianInverseFactor<float> inverse,
              factorInverse<float>(context, std::span<const double>(permuted),
                                   columns, options.damp));
  state->raised = inverse.raised;
  state->upper = std::move(inverse.upper);
  state->upperProducts = std::make_unique<PackedMatrix>(
      context, state->upper, state->visit.spans, true);
  QOPT_CHECK(
      prepareDescent(context, std::move(permuted), inverse.damping, *state));
  return GptqBlocksFactor(std::move(state));
}

Result<GptqBlocksFactor> GptqBlocksFactor::createForDescent(
    const ComputeContext &context, std::span<const double> hessian,
    int64_t columns, const BlockGrid &grid, double damping) {
  auto state = std::make_unique<State>();
  state->columns = columns;
  QOPT_ASSIGN(std::vector<double> permuted,
              planAndPermute(context, hessian, grid, *state));
  QOPT_CHECK(prepareDescent(context, std::move(permuted), damping, *state));
  return GptqBlocksFactor(std::move(state));
}
