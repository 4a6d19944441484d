//===- Activations.cpp - gates and softmax --------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "KernelTable.h"
#include "qopt/Numerics/Ops.h"

#include <algorithm>
#include <cassert>
#include <cmath>

using namespace qopt;

/// Elements between two calls of the exponential kernel, held on the stack.
static constexpr int64_t pieceSize = 1024;
static constexpr int64_t piecesPerTask = 16;

/// y = activation(x) for at most pieceSize elements.
static void activatePiece(const KernelTable &kernels, Activation activation,
                          const float *x, float *y, int64_t count) {
  if (activation == Activation::Gelu) {
    for (int64_t i = 0; i < count; ++i)
      y[i] = 0.5f * x[i] * std::erfc(x[i] * -0.707106781f);
    return;
  }
  // Both others are x / (1 + exp(−t)): t = x for SiLU, and for GELU, because
  // (1 + tanh(u)) / 2 = 1 / (1 + exp(−2u)), t = 2 √(2/π) (x + 0.044715 x³).
  float exponential[pieceSize];
  for (int64_t i = 0; i < count; ++i)
    exponential[i] =
        activation == Activation::Silu
            ? -x[i]
            : -1.59576912f * (x[i] + 0.044715f * x[i] * x[i] * x[i]);
  kernels.exponential(exponential, exponential, count);
  for (int64_t i = 0; i < count; ++i)
    y[i] = x[i] / (1 + exponential[i]);
}

template <typename Body>
static void inPieces(const ComputeContext &context, int64_t count,
                     const Body &body) {
  constexpr int64_t each = pieceSize * piecesPerTask;
  context.pool.parallelFor((count + each - 1) / each, [&](int64_t task) {
    const int64_t end = std::min(count, (task + 1) * each);
    for (int64_t begin = task * each; begin < end; begin += pieceSize)
      body(begin, std::min(pieceSize, end - begin));
  });
}

void qopt::activate(const ComputeContext &context, Activation activation,
                    std::span<const float> x, std::span<float> y) {
  assert(x.size() == y.size());
  const KernelTable &kernels = kernelsFor(context.isa);
  inPieces(context, x.size(), [&](int64_t begin, int64_t count) {
    activatePiece(kernels, activation, x.data() + begin, y.data() + begin,
                  count);
  });
}

void qopt::gatedActivation(const ComputeContext &context, Activation activation,
                           std::span<const float> gate,
                           std::span<const float> up, std::span<float> y) {
  assert(gate.size() == up.size() && gate.size() == y.size());
  const KernelTable &kernels = kernelsFor(context.isa);
  inPieces(context, gate.size(), [&](int64_t begin, int64_t count) {
    float active[pieceSize];
    activatePiece(kernels, activation, gate.data() + begin, active, count);
    for (int64_t i = 0; i < count; ++i)
      y[begin + i] = active[i] * up[begin + i];
  });
}

void qopt::softmax(const ComputeContext &context, MutableMatrix x) {
  const KernelTable &kernels = kernelsFor(context.isa);
  if (x.columns > 0)
    context.pool.parallelFor(x.rows, [&](int64_t row) {
      kernels.softmax(x.row(row), x.columns, 1);
    });
}
