//===- GptqBlocks.cpp - GPTQ onto the grids of GGUF types -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// As in Gptq.cpp a task takes a few rows, one per lane, through all columns.
// Errors go to the rest of a span at once and to all other spans when it is
// done, as a matrix product.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/GptqBlocks.h"
#include "GridPanel.h"
#include "qopt/Numerics/Cholesky.h"
#include "qopt/Numerics/Grid.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace qopt;
using namespace qopt::detail;

/// Columns of a span, at least.
static constexpr int64_t spanColumns = 256;

namespace {
/// A matrix [K, K] as left factor of products with panels, packed by spans.
class PackedMatrix {
public:
  /// Only what stands above the diagonal, if `upper`.
  PackedMatrix(const ComputeContext &context, const std::vector<float> &a,
               const std::vector<ColumnSpan> &spans, bool upper);

  /// target[to, lanes] (mode)= A[rows [first, first + count) of span `from`,
  /// columns of span `to`]ᵀ · panel[count, lanes].
  void multiply(const KernelTable &kernels, int64_t from, int64_t first,
                int64_t count, const float *panel, int64_t to, float *target,
                TileMode mode) const;

private:
  const std::vector<ColumnSpan> &spans;
  std::vector<std::vector<float>> packed; // [from, to]
};
} // namespace

struct GptqBlocksFactor::State {
  int64_t columns;
  int elements, subElements;
  ColumnVisit visit;
  std::vector<float> importance; // [K], stored order: diag H
  std::vector<float> upper;      // [K, K]: U, H⁻¹ = Uᵀ U, in order of the visit
  std::vector<float> subUpper;   // [K, sub]: the same of each sub-block alone
  std::vector<float> subInverse; // [K, sub]: H_jj⁻¹
  std::unique_ptr<PackedMatrix> upperProducts, products; // of U, of H
  double damping = 0;
  int raised = 0;
};

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
                            int64_t first, int64_t count, const float *panel,
                            int64_t to, float *target, TileMode mode) const {
  const int64_t tile = kernels.f32.tileRows, lanes = kernels.f32.tileColumns;
  const int64_t depth = spans[from].size(), size = spans[to].size();
  const float *left = packed[from * spans.size() + to].data();
  for (int64_t column = 0; column < size; column += tile)
    kernels.f32.tile(count, left + column * depth + first * tile, panel,
                     target + column * lanes, lanes,
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

/// Factors H_jj of every sub-block.
static Status factorSubBlocks(const ComputeContext &context,
                              const std::vector<double> &hessian,
                              GptqBlocksFactor::State &state) {
  const int64_t columns = state.columns, sub = state.subElements;
  state.subUpper.resize(columns * sub);
  state.subInverse.assign(columns * sub, 0);
  for (int64_t begin = 0; begin < columns; begin += sub) {
    std::vector<double> block(sub * sub);
    for (int64_t i = 0; i < sub; ++i)
      std::copy_n(hessian.data() + (begin + i) * columns + begin, sub,
                  block.data() + i * sub);
    QOPT_ASSIGN(HessianInverseFactor factor,
                factorInverse(context, std::move(block), sub, 0));
    for (int64_t i = 0; i < sub; ++i)
      for (int64_t j = 0; j < sub; ++j) {
        double sum = 0;
        for (int64_t k = 0; k <= std::min(i, j); ++k)
          sum += factor.upper[k * sub + i] * factor.upper[k * sub + j];
        state.subInverse[(begin + i) * sub + j] = float(sum);
        state.subUpper[(begin + i) * sub + j] =
            float(factor.upper[i * sub + j]);
      }
  }
  return {};
}

Result<GptqBlocksFactor> GptqBlocksFactor::create(
    const ComputeContext &context, std::span<const double> hessian,
    int64_t columns, const BlockGrid &grid, const GptqBlocksOptions &options) {
  if (columns < 1 || int64_t(hessian.size()) != columns * columns)
    return internalError("a Hessian of ", hessian.size(), " numbers for ",
                         columns, " columns");
  if (columns % grid.elements != 0)
    return badInput("rows of ", columns, " weights are not whole blocks of ",
                    grid.elements);
  if (!(options.damp >= 0))
    return usageError("damp must not be negative, is ", options.damp);
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

  auto state = std::make_unique<State>();
  state->columns = columns;
  state->elements = grid.elements;
  state->subElements = grid.subElements;
  state->visit = planVisit(diagonal, grid);
  const std::vector<int64_t> &order = state->visit.columns;
  std::vector<double> permuted(columns * columns);
  context.pool.parallelFor(columns, [&](int64_t i) {
    for (int64_t j = 0; j < columns; ++j)
      permuted[i * columns + j] = hessian[order[i] * columns + order[j]];
    permuted[i * columns + i] = diagonal[order[i]];
  });
  QOPT_ASSIGN(HessianInverseFactor inverse,
              factorInverse(context, permuted, columns, options.damp));
  state->damping = inverse.damping;
  state->raised = inverse.raised;
  state->upper.assign(inverse.upper.begin(), inverse.upper.end());
  for (int64_t k = 0; k < columns; ++k)
    permuted[k * columns + k] += inverse.damping;
  state->importance.assign(diagonal.begin(), diagonal.end());
  QOPT_CHECK(factorSubBlocks(context, permuted, *state));
  std::vector<float> narrowed(permuted.begin(), permuted.end());
  state->upperProducts = std::make_unique<PackedMatrix>(
      context, state->upper, state->visit.spans, true);
  state->products = std::make_unique<PackedMatrix>(context, narrowed,
                                                   state->visit.spans, false);
  return GptqBlocksFactor(std::move(state));
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

namespace {
/// One panel of rows on its way.
class RowQuantizer {
public:
  RowQuantizer(const GptqBlocksFactor::State &factor, const PanelFormat &format,
               ConstMatrix weights, int64_t firstRow)
      : factor(factor), format(format), kernels(format.kernels),
        lanes(format.lanes()), sub(format.grid.subElements),
        panel(format, weights, firstRow), loss(lanes), errors(sub * lanes) {}

  void compensate();
  /// Fills panel.work with the gradient.
  void beginDescent();
  /// Whether anything has changed.
  bool descend();
  double proxyLoss() const;

  const GptqBlocksFactor::State &factor;
  const PanelFormat &format;
  const KernelTable &kernels;
  const int64_t lanes, sub;
  GridPanel panel;

private:
  bool descendSpan(int64_t index);
  bool descendSubBlock(int64_t index, int64_t step);
  void refit(const ColumnSpan &span, int64_t index);
  float *workOf(int64_t step) { return panel.work.data() + step * lanes; }
  int64_t spanCount() const { return int64_t(factor.visit.spans.size()); }

  std::vector<float> loss, errors;
};
} // namespace

void RowQuantizer::compensate() {
  for (int64_t index = 0; index < spanCount(); ++index) {
    const ColumnSpan &span = factor.visit.spans[index];
    std::vector<float> spanErrors(span.size() * lanes);
    panel.findGrids(span);
    for (int64_t step = span.begin; step < span.end; step += sub) {
      float *stepErrors = spanErrors.data() + (step - span.begin) * lanes;
      std::fill(loss.begin(), loss.end(),
                std::numeric_limits<float>::infinity());
      panel.search(step, {workOf(step),
                          factor.upper.data() + step * factor.columns + step,
                          factor.columns, loss.data(), stepErrors});
      factor.upperProducts->multiply(kernels, index, step - span.begin, sub,
                                     stepErrors, index, workOf(span.begin),
                                     TileMode::Subtract);
    }
    for (int64_t later = index + 1; later < spanCount(); ++later)
      factor.upperProducts->multiply(
          kernels, index, 0, span.size(), spanErrors.data(), later,
          workOf(factor.visit.spans[later].begin), TileMode::Subtract);
  }
}

void RowQuantizer::beginDescent() {
  std::fill(panel.work.begin(), panel.work.end(), 0.f);
  for (int64_t from = 0; from < spanCount(); ++from) {
    const ColumnSpan &span = factor.visit.spans[from];
    std::vector<float> error(span.size() * lanes);
    panel.numbers(span.begin, span.end, error.data());
    for (size_t i = 0; i < error.size(); ++i)
      error[i] = panel.original[span.begin * lanes + i] - error[i];
    for (int64_t to = 0; to < spanCount(); ++to)
      factor.products->multiply(kernels, from, 0, span.size(), error.data(), to,
                                workOf(factor.visit.spans[to].begin),
                                TileMode::Add);
  }
}

bool RowQuantizer::descend() {
  bool changed = false;
  for (int64_t index = 0; index < spanCount(); ++index)
    changed |= descendSpan(index);
  return changed;
}

bool RowQuantizer::descendSpan(int64_t index) {
  const ColumnSpan &span = factor.visit.spans[index];
  std::vector<float> before(span.size() * lanes), after(span.size() * lanes);
  panel.numbers(span.begin, span.end, before.data());
  if (!format.grid.levels.fixed())
    refit(span, index);
  bool changed = false;
  for (int64_t step = span.begin; step < span.end; step += sub)
    changed |= descendSubBlock(index, step);
  panel.numbers(span.begin, span.end, after.data());
  for (size_t i = 0; i < after.size(); ++i)
    after[i] -= before[i];
  for (int64_t other = 0; other < spanCount(); ++other)
    if (other != index)
      factor.products->multiply(kernels, index, 0, span.size(), after.data(),
                                other, workOf(factor.visit.spans[other].begin),
                                TileMode::Subtract);
  return changed;
}

void RowQuantizer::refit(const ColumnSpan &span, int64_t index) {
  const size_t size = span.size() * lanes;
  std::vector<float> byScale(size), byMinimum(size), scaleImage(size),
      minimumImage(size);
  panel.directions(span, byScale.data(), byMinimum.data());
  factor.products->multiply(kernels, index, 0, span.size(), byScale.data(),
                            index, scaleImage.data(), TileMode::Store);
  factor.products->multiply(kernels, index, 0, span.size(), byMinimum.data(),
                            index, minimumImage.data(), TileMode::Store);
  panel.refit(span, byScale.data(), byMinimum.data(), scaleImage.data(),
              minimumImage.data());
}

bool RowQuantizer::descendSubBlock(int64_t index, int64_t step) {
  const ColumnSpan &span = factor.visit.spans[index];
  std::vector<float> before(sub * lanes), target(sub * lanes);
  panel.numbers(step, step + sub, before.data());
  // t − ŵ = H_jj⁻¹ g; the error of ŵ itself is (t − ŵ) H_jj (t − ŵ)ᵀ.
  const float *gradient = workOf(step);
  std::fill(loss.begin(), loss.end(), 0.f);
  for (int64_t i = 0; i < sub; ++i) {
    const float *inverse = factor.subInverse.data() + (step + i) * sub;
    float *row = target.data() + i * lanes;
    for (int64_t k = 0; k < sub; ++k)
      for (int64_t lane = 0; lane < lanes; ++lane)
        row[lane] += inverse[k] * gradient[k * lanes + lane];
    for (int64_t lane = 0; lane < lanes; ++lane) {
      loss[lane] += row[lane] * gradient[i * lanes + lane];
      row[lane] += before[i * lanes + lane];
    }
  }
  // Rounding must not pass for progress.
  for (float &value : loss)
    value *= 1 - 1e-5f;
  if (!panel.search(step, {target.data(), factor.subUpper.data() + step * sub,
                           sub, loss.data(), errors.data()}))
    return false;
  std::vector<float> &change = target;
  panel.numbers(step, step + sub, change.data());
  for (size_t i = 0; i < change.size(); ++i)
    change[i] -= before[i];
  factor.products->multiply(kernels, index, step - span.begin, sub,
                            change.data(), index, workOf(span.begin),
                            TileMode::Subtract);
  return true;
}

double RowQuantizer::proxyLoss() const {
  std::vector<float> numbers(panel.original.size());
  panel.numbers(0, factor.columns, numbers.data());
  double sum = 0;
  for (size_t i = 0; i < numbers.size(); ++i)
    sum += double(panel.original[i] - numbers[i]) * panel.work[i];
  return sum;
}

Result<GptqBlocksResult>
qopt::gptqQuantizeBlocks(const ComputeContext &context, ConstMatrix weights,
                         const GptqBlocksFactor &factor, const FormatRow &row,
                         const GptqBlocksOptions &options) {
  const BlockGrid *grid = findBlockGrid(row.type);
  const GptqBlocksFactor::State &state = *factor;
  if (!grid || !factor.fits(*grid) || weights.columns != state.columns)
    return internalError("the factor was made for another shape than ",
                         row.ggmlName, " of ", weights.columns, " columns");
  QOPT_CHECK(checkFinite(weights));
  PanelFormat format{
      row, *grid, kernelsFor(context.isa), state.visit, state.importance, {}};
  if (grid->pointTable)
    format.points.assign(grid->pointTable, grid->pointTable + grid->points);

  GptqBlocksResult result;
  result.blocks.resize(weights.rows * row.rowBytes(weights.columns));
  const int64_t tasks = (weights.rows + format.lanes() - 1) / format.lanes();
  std::vector<double> losses(tasks);
  context.pool.parallelFor(tasks, [&](int64_t task) {
    RowQuantizer rows(state, format, weights, task * format.lanes());
    rows.compensate();
    rows.beginDescent();
    for (int round = 0; round < options.rounds && rows.descend(); ++round)
      ;
    losses[task] = rows.proxyLoss();
    rows.panel.pack(result.blocks.data());
  });
  result.proxyLoss = std::accumulate(losses.begin(), losses.end(), 0.);
  if (!std::isfinite(result.proxyLoss))
    return badInput("the errors overflow: weights or inputs are too large");
  return result;
}
