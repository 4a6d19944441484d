//===- RowQuantizer.cpp - a few rows on their way to a grid ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// As in Gptq.cpp a task takes a few panels of rows, a row per lane, through all
// columns. Errors go to the rest of a span at once and to all other spans when
// it is done, as a matrix product.
//
//===----------------------------------------------------------------------===//
#include "RowQuantizer.h"

#include <algorithm>
#include <limits>
#include <numeric>

using namespace qopt;
using namespace qopt::detail;

/// Panels of a task share each packed piece of U and H that they read: the more
/// of them, the less of H is read from memory. No result depends on it.
static constexpr int64_t maxPanelsPerTask = 8;

RowQuantizer::RowQuantizer(const GptqBlocksFactor::State &factor,
                           const PanelFormat &format, ConstMatrix weights,
                           int64_t firstRow, int64_t endRow)
    : factor(factor), format(format), kernels(format.kernels),
      lanes(format.lanes()), sub(format.grid.subElements), loss(lanes) {
  for (int64_t row = firstRow; row < endRow; row += lanes)
    panels.emplace_back(format, weights, row);
}

void RowQuantizer::subtractProduct(const PackedMatrix &matrix, int64_t from,
                                   int64_t first, int64_t count,
                                   const Panels &inputs, int64_t offset,
                                   int64_t to) {
  PanelProduct products[maxPanelsPerTask];
  for (size_t p = 0; p < panels.size(); ++p)
    products[p] = {inputs[p].data() + offset * lanes,
                   workOf(panels[p], span(to).begin)};
  matrix.multiply(kernels, from, first, count, {products, panels.size()}, to,
                  TileMode::Subtract);
}

RowQuantizer::Panels RowQuantizer::numbers(int64_t begin, int64_t end) const {
  Panels result = zeros(end - begin);
  for (size_t p = 0; p < panels.size(); ++p)
    panels[p].numbers(begin, end, result[p].data());
  return result;
}

RowQuantizer::Panels RowQuantizer::change(int64_t begin, int64_t end,
                                          const Panels &before) const {
  Panels result = numbers(begin, end);
  for (size_t p = 0; p < panels.size(); ++p)
    for (size_t i = 0; i < result[p].size(); ++i)
      result[p][i] -= before[p][i];
  return result;
}

void RowQuantizer::compensate() {
  for (int64_t index = 0; index < spanCount(); ++index) {
    const ColumnSpan &current = span(index);
    Panels errors = zeros(current.size());
    for (GridPanel &panel : panels)
      panel.findGrids(current);
    for (int64_t step = current.begin; step < current.end; step += sub) {
      const int64_t offset = step - current.begin;
      for (size_t p = 0; p < panels.size(); ++p) {
        std::fill(loss.begin(), loss.end(),
                  std::numeric_limits<float>::infinity());
        panels[p].search(step,
                         {workOf(panels[p], step),
                          factor.upper.data() + step * factor.columns + step,
                          factor.columns, loss.data(),
                          errors[p].data() + offset * lanes});
      }
      subtractProduct(*factor.upperProducts, index, offset, sub, errors, offset,
                      index);
    }
    for (int64_t later = index + 1; later < spanCount(); ++later)
      subtractProduct(*factor.upperProducts, index, 0, current.size(), errors,
                      0, later);
  }
}

void RowQuantizer::beginDescent() {
  for (GridPanel &panel : panels)
    std::fill(panel.work.begin(), panel.work.end(), 0.f);
  for (int64_t from = 0; from < spanCount(); ++from) {
    Panels error = numbers(span(from).begin, span(from).end); // ŵ − w
    for (size_t p = 0; p < panels.size(); ++p)
      for (size_t i = 0; i < error[p].size(); ++i)
        error[p][i] -= panels[p].original[span(from).begin * lanes + i];
    for (int64_t to = 0; to < spanCount(); ++to)
      subtractProduct(*factor.products, from, 0, span(from).size(), error, 0,
                      to);
  }
}

void RowQuantizer::descend(float stride) {
  for (GridPanel &panel : panels)
    panel.stride = stride;
  for (int64_t index = 0; index < spanCount(); ++index)
    descendSpan(index);
}

void RowQuantizer::descendSpan(int64_t index) {
  const ColumnSpan &current = span(index);
  const Panels before = numbers(current.begin, current.end);
  if (!format.grid.levels.fixed())
    refit(index);
  for (int64_t step = current.begin; step < current.end; step += sub)
    descendSubBlock(index, step);
  const Panels moved = change(current.begin, current.end, before);
  for (int64_t other = 0; other < spanCount(); ++other)
    if (other != index)
      subtractProduct(*factor.products, index, 0, current.size(), moved, 0,
                      other);
}

void RowQuantizer::refit(int64_t index) {
  const ColumnSpan &current = span(index);
  Panels byScale = zeros(current.size()), byMinimum = byScale,
         scaleImage = byScale, minimumImage = byScale;
  PanelProduct scales[maxPanelsPerTask], minima[maxPanelsPerTask];
  for (size_t p = 0; p < panels.size(); ++p) {
    panels[p].directions(current, byScale[p].data(), byMinimum[p].data());
    scales[p] = {byScale[p].data(), scaleImage[p].data()};
    minima[p] = {byMinimum[p].data(), minimumImage[p].data()};
  }
  factor.products->multiply(kernels, index, 0, current.size(),
                            {scales, panels.size()}, index, TileMode::Store);
  if (format.grid.hasMinimum())
    factor.products->multiply(kernels, index, 0, current.size(),
                              {minima, panels.size()}, index, TileMode::Store);
  for (size_t p = 0; p < panels.size(); ++p)
    panels[p].refit(current, byScale[p].data(), byMinimum[p].data(),
                    scaleImage[p].data(), minimumImage[p].data());
}

void RowQuantizer::descendSubBlock(int64_t index, int64_t step) {
  const Panels before = numbers(step, step + sub);
  Panels target = before;
  std::vector<float> errors(sub * lanes);
  bool changed = false;
  for (size_t p = 0; p < panels.size(); ++p) {
    // t − ŵ = H_jj⁻¹ g; the error of ŵ itself is (t − ŵ) H_jj (t − ŵ)ᵀ.
    const float *gradient = workOf(panels[p], step);
    const float *inverse =
        factor.subInverse.data() + step / sub * factor.packedSubSize;
    const int64_t tile = kernels.f32.tileRows;
    for (int64_t i = 0; i < sub; i += tile)
      kernels.f32.tile(sub, inverse + i * sub, gradient,
                       target[p].data() + i * lanes, lanes,
                       int(std::min(tile, sub - i)), int(lanes), TileMode::Add);
    std::fill(loss.begin(), loss.end(), 0.f);
    for (int64_t i = 0; i < sub * lanes; i += lanes)
      for (int64_t lane = 0; lane < lanes; ++lane)
        loss[lane] +=
            (target[p][i + lane] - before[p][i + lane]) * gradient[i + lane];
    // Rounding must not pass for progress.
    for (float &value : loss)
      value *= 1 - 1e-5f;
    changed |= panels[p].search(step, {target[p].data(),
                                       factor.subUpper.data() + step * sub, sub,
                                       loss.data(), errors.data()});
  }
  if (changed)
    subtractProduct(*factor.products, index, step - span(index).begin, sub,
                    change(step, step + sub, before), 0, index);
}

void RowQuantizer::proxyLosses(double *losses) const {
  const Panels present = numbers(0, factor.columns);
  for (size_t p = 0; p < panels.size(); ++p) {
    double sum = 0;
    for (size_t i = 0; i < present[p].size(); ++i)
      sum += double(panels[p].original[i] - present[p][i]) * panels[p].work[i];
    losses[p] = sum;
  }
}

double detail::quantizeRows(const ComputeContext &context,
                            const GptqBlocksFactor::State &factor,
                            const PanelFormat &format, ConstMatrix weights,
                            const std::function<void(RowQuantizer &)> &work) {
  const int64_t lanes = format.lanes();
  const int64_t panels = (weights.rows + lanes - 1) / lanes;
  const int64_t panelsPerTask = std::clamp<int64_t>(
      panels / (4 * context.pool.threads()), 1, maxPanelsPerTask);
  std::vector<double> losses(panels);
  context.pool.parallelFor(
      (panels + panelsPerTask - 1) / panelsPerTask, [&](int64_t task) {
        const int64_t panel = task * panelsPerTask, first = panel * lanes;
        const int64_t end =
            std::min(weights.rows, first + panelsPerTask * lanes);
        RowQuantizer rows(factor, format, weights, first, end);
        work(rows);
        rows.proxyLosses(losses.data() + panel);
      });
  return std::accumulate(losses.begin(), losses.end(), 0.);
}
