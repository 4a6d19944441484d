//===- GemmDriver.cpp - blocked matrix products ---------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The scheme of Goto and van de Geijn (2008): A is packed once and shared; each
// task packs one block of columns of B and sweeps A over it. Tasks write
// disjoint columns of C and are cut by shape only.
//
//===----------------------------------------------------------------------===//
#include "GemmDriver.h"

#include <algorithm>
#include <memory>

using namespace qopt;

/// Rows of A that are packed at a time.
static constexpr int64_t rowsPerPass = 1020; // a multiple of 4 and 12

template <typename T> static const GemmKernels<T> &kernelsOf(Isa isa) {
  if constexpr (std::is_same_v<T, float>)
    return kernelsFor(isa).f32;
  else
    return kernelsFor(isa).f64;
}

template <typename T>
void qopt::gemmBlocked(const ComputeContext &context, int64_t depth,
                       GemmOperand<T> a, GemmOperand<T> b, T *c, int64_t stride,
                       TileMode mode, Triangle triangle) {
  const GemmKernels<T> &kernels = kernelsOf<T>(context.isa);
  const int64_t tileRows = kernels.tileRows, width = kernels.tileColumns;
  const int64_t columnPanels = (b.count + width - 1) / width;
  const int64_t panelsPerTask = std::clamp<int64_t>(columnPanels / 16, 1, 4);
  const int64_t tasks = (columnPanels + panelsPerTask - 1) / panelsPerTask;
  const int64_t packedRows =
      (std::min(rowsPerPass, a.count) + tileRows - 1) / tileRows * tileRows;
  auto packedA = std::make_unique_for_overwrite<T[]>(packedRows * depth);

  for (int64_t pass = 0; pass < a.count; pass += rowsPerPass) {
    const int64_t rows = std::min(rowsPerPass, a.count - pass);
    const int64_t rowPanels = (rows + tileRows - 1) / tileRows;
    // packedA holds, for each piece of the depth, its panels of rows.
    auto panelOfA = [&](int64_t panel, int64_t begin, int64_t length) {
      return packedA.get() + (begin * rowPanels + panel * length) * tileRows;
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
      auto packedB = std::make_unique_for_overwrite<T[]>(
          width * std::min(panelDepth, depth));
      for (int64_t begin = 0; begin < depth; begin += panelDepth) {
        const int64_t length = std::min(panelDepth, depth - begin);
        const TileMode pieceMode =
            begin > 0 && mode == TileMode::Store ? TileMode::Add : mode;
        for (int64_t panel = firstPanel; panel < lastPanel; ++panel) {
          const int64_t column = panel * width;
          const int64_t columns = std::min(width, b.count - column);
          kernels.pack(b.data + column * b.vectorStride + begin * b.depthStride,
                       b.vectorStride, b.depthStride, columns, length, width,
                       packedB.get());
          int64_t rowPanel = 0;
          if (triangle == Triangle::Lower && column > pass)
            rowPanel = (column - pass) / tileRows;
          for (; rowPanel < rowPanels; ++rowPanel) {
            const int64_t row = rowPanel * tileRows;
            kernels.tile(length, panelOfA(rowPanel, begin, length),
                         packedB.get(), c + (pass + row) * stride + column,
                         stride, std::min(tileRows, rows - row), columns,
                         pieceMode);
          }
        }
      }
    });
  }
}

template void qopt::gemmBlocked(const ComputeContext &, int64_t,
                                GemmOperand<float>, GemmOperand<float>, float *,
                                int64_t, TileMode, Triangle);
template void qopt::gemmBlocked(const ComputeContext &, int64_t,
                                GemmOperand<double>, GemmOperand<double>,
                                double *, int64_t, TileMode, Triangle);
