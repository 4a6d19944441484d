//===- GemmDriver.cpp - blocked matrix products ---------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The scheme of Goto and van de Geijn (2008): A is packed once and shared; each
// task packs one block of columns of B and sweeps A over it. Tasks write
// disjoint columns of C, and no element depends on how columns are cut. Where a
// sum has several pieces it is formed in memory of the task, whose tiles lie
// one behind the other: rows of C are often a multiple of 4 KiB apart, so each
// row of a tile would be another page, and all would fall into the same few
// sets of a cache.
//
//===----------------------------------------------------------------------===//
#include "GemmDriver.h"
#include "Scratch.h"

#include <algorithm>

using namespace qopt;

/// Rows of A that are packed at a time, at most: a piece of them stays in the
/// second-level cache while a task goes through its panels of B.
template <typename T>
static constexpr int64_t maxRowsPerPass = 4128 / int64_t(sizeof(T));
static constexpr int64_t maxPanelsPerTask = 8;

template <typename T> static const GemmKernels<T> &kernelsOf(Isa isa) {
  if constexpr (std::is_same_v<T, float>)
    return kernelsFor(isa).f32;
  else
    return kernelsFor(isa).f64;
}

/// c (mode)= sums.
template <typename T>
static void addRow(const T *sums, T *c, int64_t count, TileMode mode) {
  if (mode == TileMode::Store)
    std::copy_n(sums, count, c);
  else if (mode == TileMode::Add)
    for (int64_t i = 0; i < count; ++i)
      c[i] += sums[i];
  else
    for (int64_t i = 0; i < count; ++i)
      c[i] -= sums[i];
}

template <typename T>
void qopt::gemmBlocked(const ComputeContext &context, int64_t depth,
                       GemmOperand<T> a, GemmOperand<T> b, T *c, int64_t stride,
                       TileMode mode, Triangle triangle) {
  const GemmKernels<T> &kernels = kernelsOf<T>(context.isa);
  const int64_t tileRows = kernels.tileRows, width = kernels.tileColumns;
  const int64_t columnPanels = (b.count + width - 1) / width;
  const int64_t panelsPerTask = std::clamp<int64_t>(
      columnPanels / (4 * context.pool.threads()), 1, maxPanelsPerTask);
  const int64_t tasks = (columnPanels + panelsPerTask - 1) / panelsPerTask;
  // Passes of one length: a last one of few rows would read all of B for them.
  const int64_t passes = (a.count + maxRowsPerPass<T> - 1) / maxRowsPerPass<T>;
  const int64_t tilesPerPass =
      (a.count + passes * tileRows - 1) / (passes * tileRows);
  const int64_t rowsPerPass = tilesPerPass * tileRows;
  const bool pieces = depth > panelDepth;
  Scratch<T> packedA(rowsPerPass * depth);

  for (int64_t pass = 0; pass < a.count; pass += rowsPerPass) {
    const int64_t rows = std::min(rowsPerPass, a.count - pass);
    const int64_t rowPanels = (rows + tileRows - 1) / tileRows;
    // packedA holds, for each piece of the depth, its panels of rows.
    auto panelOfA = [&](int64_t panel, int64_t begin, int64_t length) {
      return packedA.data() + (begin * rowPanels + panel * length) * tileRows;
    };
    const int64_t work = rows * b.count * depth;
    parallelTasks(context, rowPanels, work, [&](int64_t panel) {
      const int64_t row = panel * tileRows;
      const T *source = a.data + (pass + row) * a.vectorStride;
      for (int64_t begin = 0; begin < depth; begin += panelDepth) {
        const int64_t length = std::min(panelDepth, depth - begin);
        kernels.pack(source + begin * a.depthStride, a.vectorStride,
                     a.depthStride, std::min(tileRows, rows - row), length,
                     tileRows, panelOfA(panel, begin, length));
      }
    });
    parallelTasks(context, tasks, work, [&](int64_t task) {
      const int64_t firstPanel = task * panelsPerTask;
      const int64_t lastPanel =
          std::min(columnPanels, firstPanel + panelsPerTask);
      if (triangle == Triangle::Lower && firstPanel * width >= pass + rows)
        return;
      Scratch<T> packedB(width * std::min(panelDepth, depth));
      const int64_t panelSize = rowPanels * tileRows * width;
      Scratch<T> sums(pieces ? panelsPerTask * panelSize : 0);
      auto firstRowPanel = [&](int64_t panel) -> int64_t {
        if (triangle == Triangle::Full || panel * width <= pass)
          return 0;
        return (panel * width - pass) / tileRows;
      };
      for (int64_t begin = 0; begin < depth; begin += panelDepth) {
        const int64_t length = std::min(panelDepth, depth - begin);
        for (int64_t panel = firstPanel; panel < lastPanel; ++panel) {
          const int64_t column = panel * width;
          const int64_t columns = std::min(width, b.count - column);
          kernels.pack(b.data + column * b.vectorStride + begin * b.depthStride,
                       b.vectorStride, b.depthStride, columns, length, width,
                       packedB.data());
          T *target = sums.data() + (panel - firstPanel) * panelSize;
          for (int64_t rowPanel = firstRowPanel(panel); rowPanel < rowPanels;
               ++rowPanel) {
            const int64_t row = rowPanel * tileRows;
            const T *left = panelOfA(rowPanel, begin, length);
            if (pieces)
              kernels.tile(length, left, packedB.data(), target + row * width,
                           width, tileRows, width,
                           begin > 0 ? TileMode::Add : TileMode::Store);
            else
              kernels.tile(length, left, packedB.data(),
                           c + (pass + row) * stride + column, stride,
                           std::min(tileRows, rows - row), columns, mode);
          }
        }
      }
      for (int64_t row = 0; pieces && row < rows; ++row)
        for (int64_t panel = firstPanel; panel < lastPanel; ++panel)
          if (row >= firstRowPanel(panel) * tileRows)
            addRow(sums.data() + (panel - firstPanel) * panelSize + row * width,
                   c + (pass + row) * stride + panel * width,
                   std::min(width, b.count - panel * width), mode);
    });
  }
}

template void qopt::gemmBlocked(const ComputeContext &, int64_t,
                                GemmOperand<float>, GemmOperand<float>, float *,
                                int64_t, TileMode, Triangle);
template void qopt::gemmBlocked(const ComputeContext &, int64_t,
                                GemmOperand<double>, GemmOperand<double>,
                                double *, int64_t, TileMode, Triangle);
