//===- GemmDriver.h - blocked matrix products -------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_NUMERICS_GEMMDRIVER_H
#define QOPT_LIB_NUMERICS_GEMMDRIVER_H

#include "KernelTable.h"
#include "qopt/Numerics/ComputeContext.h"
#include "qopt/Numerics/MatrixView.h"

namespace qopt {

/// Depth of a packed panel: a panel of B stays in the first-level cache.
inline constexpr int64_t panelDepth = 256;

/// parallelFor, unless all tasks together are too little work (multiply-adds)
/// to be worth waking the other threads.
template <typename Task>
void parallelTasks(const ComputeContext &context, int64_t tasks, int64_t work,
                   const Task &task) {
  if (work >= 1 << 20)
    return context.pool.parallelFor(tasks, task);
  for (int64_t index = 0; index < tasks; ++index)
    task(index);
}

/// One factor of a product: element d of vector i (a row of A, a column of B)
/// is data[i * vectorStride + d * depthStride]. One of the strides is 1.
template <typename T> struct GemmOperand {
  const T *data;
  int64_t count; // vectors
  int64_t vectorStride, depthStride;
};

/// A matrix as the left factor, or its transpose as the right one.
template <typename T>
GemmOperand<std::remove_const_t<T>> byRows(MatrixView<T> matrix) {
  return {matrix.data, matrix.rows, matrix.stride, 1};
}
/// A matrix as the right factor, or its transpose as the left one.
template <typename T>
GemmOperand<std::remove_const_t<T>> byColumns(MatrixView<T> matrix) {
  return {matrix.data, matrix.columns, 1, matrix.stride};
}

enum class Triangle : uint8_t {
  Full,
  Lower, // only tiles that touch the diagonal or what is below it
};

/// C (mode)= A · B with the kernels of the context.
template <typename T>
void gemmBlocked(const ComputeContext &context, int64_t depth, GemmOperand<T> a,
                 GemmOperand<T> b, T *c, int64_t stride, TileMode mode,
                 Triangle triangle = Triangle::Full);

} // namespace qopt

#endif // QOPT_LIB_NUMERICS_GEMMDRIVER_H
