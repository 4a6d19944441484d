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
InverseFactor GptqBlocksFactor::inverse() const {
  return {{state->upper.data(), state->columns, state->columns},
          state->visit.columns};
}
bool GptqBlocksFactor::fits(const BlockGrid &grid) const {
  return state->elements == grid.elements &&
         state->subElements == grid.subElements;
}

/// Where the pieces of a PackedMatrix begin, and where the last ends.
static std::vector<int64_t> pieceOffsets(const std::vector<ColumnSpan> &spans,
                                         bool upper, int64_t tile) {
  std::vector<int64_t> offsets = {0};
  for (const ColumnSpan &from : spans)
    for (const ColumnSpan &to : spans) {
      const int64_t tiles = (to.size() + tile - 1) / tile;
      const bool empty = upper && from.begin > to.begin;
      offsets.push_back(offsets.back() +
                        (empty ? 0 : tiles * tile * from.size()));
    }
  return offsets;
}

PackedMatrix::PackedMatrix(const ComputeContext &context,
                           const std::vector<ColumnSpan> &spans, bool upper,
                           const RowReader &readRow)
    : spans(spans),
      offsets(pieceOffsets(spans, upper, kernelsFor(context.isa).f32.tileRows)),
      numbers(offsets.back()) {
  const KernelTable &kernels = kernelsFor(context.isa);
  const int64_t tile = kernels.f32.tileRows;
  context.pool.parallelFor(spans.size() * spans.size(), [&](int64_t index) {
    const ColumnSpan &from = spans[index / spans.size()];
    const ColumnSpan &to = spans[index % spans.size()];
    if (offsets[index] == offsets[index + 1])
      return;
    std::vector<float> rows(from.size() * to.size());
    for (int64_t i = 0; i < from.size(); ++i)
      readRow(from.begin + i, to, rows.data() + i * to.size());
    for (int64_t i = 0; i < to.size(); i += tile)
      kernels.f32.pack(rows.data() + i, 1, to.size(),
                       std::min(tile, to.size() - i), from.size(), int(tile),
                       numbers.data() + offsets[index] + i * from.size());
  });
}

void PackedMatrix::multiply(const KernelTable &kernels, int64_t from,
                            int64_t first, int64_t count,
                            std::span<const PanelProduct> panels, int64_t to,
                            TileMode mode) const {
  const int64_t tile = kernels.f32.tileRows, lanes = kernels.f32.tileColumns;
  const int64_t depth = spans[from].size(), size = spans[to].size();
  const float *left = numbers.data() + offsets[from * spans.size() + to];
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

namespace {
/// H in the order of the visit, its diagonal without zeros, + λ I. It is read
/// where it stands: of wide layers a copy would be a gigabyte.
struct VisitedHessian {
  std::span<const double> numbers; // stored order
  std::vector<double> diagonal;    // [K], stored order, without λ
  const ColumnVisit &visit;
  double damping = 0;

  /// Row `row` at steps [begin, begin + count).
  template <typename T>
  void read(int64_t row, int64_t begin, int64_t count, T *target) const {
    const int64_t place = visit.columns[row];
    const double *source = numbers.data() + place * diagonal.size();
    for (int64_t i = 0; i < count; ++i)
      target[i] = T(source[visit.columns[begin + i]]);
    if (row >= begin && row < begin + count)
      target[row - begin] = T(diagonal[place] + damping);
  }
};
} // namespace

/// U of one sub-block, and H_jj⁻¹ = Uᵀ U packed as left factor.
static Status factorSubBlock(const ComputeContext &context,
                             const VisitedHessian &hessian, int64_t index,
                             GptqBlocksFactor::State &state) {
  const GemmKernels<float> &kernels = kernelsFor(context.isa).f32;
  const int64_t sub = state.subElements, begin = index * sub;
  std::vector<double> block(sub * sub);
  for (int64_t i = 0; i < sub; ++i)
    hessian.read(begin + i, begin, sub, block.data() + i * sub);
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
                              const VisitedHessian &hessian,
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

/// Decides on the order of the visit.
static Result<VisitedHessian> plan(std::span<const double> hessian,
                                   const BlockGrid &grid,
                                   GptqBlocksFactor::State &state) {
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
  return VisitedHessian{hessian, std::move(diagonal), state.visit};
}

/// What descent needs.
static Status prepareDescent(const ComputeContext &context,
                             const VisitedHessian &hessian,
                             GptqBlocksFactor::State &state) {
  state.damping = hessian.damping;
  QOPT_CHECK(factorSubBlocks(context, hessian, state));
  state.products = std::make_unique<PackedMatrix>(
      context, state.visit.spans, false,
      [&](int64_t row, const ColumnSpan &columns, float *target) {
        hessian.read(row, columns.begin, columns.size(), target);
      });
  return {};
}

Result<GptqBlocksFactor> GptqBlocksFactor::create(
    const ComputeContext &context, std::span<const double> hessian,
    int64_t columns, const BlockGrid &grid, const GptqBlocksOptions &options) {
  if (!(options.damp >= 0))
    return usageError("damp must not be negative, is ", options.damp);
  auto state = std::make_unique<State>();
  state->columns = columns;
  QOPT_ASSIGN(VisitedHessian visited, plan(hessian, grid, *state));
  QOPT_ASSIGN(HessianInverseFactor<float> inverse,
              factorInverse<float>(context, hessian, columns, options.damp,
                                   state->visit.columns, visited.diagonal));
  state->raised = inverse.raised;
  state->upper = std::move(inverse.upper);
  state->upperProducts = std::make_unique<PackedMatrix>(
      context, state->visit.spans, true,
      [&](int64_t row, const ColumnSpan &columns, float *target) {
        std::copy_n(state->upper.data() + row * state->columns + columns.begin,
                    columns.size(), target);
      });
  visited.damping = inverse.damping;
  QOPT_CHECK(prepareDescent(context, visited, *state));
  return GptqBlocksFactor(std::move(state));
}

Result<GptqBlocksFactor> GptqBlocksFactor::createForDescent(
    const ComputeContext &context, std::span<const double> hessian,
    int64_t columns, const BlockGrid &grid, double damping) {
  auto state = std::make_unique<State>();
  state->columns = columns;
  QOPT_ASSIGN(VisitedHessian visited, plan(hessian, grid, *state));
  visited.damping = damping;
  QOPT_CHECK(prepareDescent(context, visited, *state));
  return GptqBlocksFactor(std::move(state));
}
