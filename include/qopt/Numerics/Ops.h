//===- Ops.h - f32 reference of the model's operations ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// These functions are the meaning of the operations: whatever a backend emits
// is compared with them. Shapes must agree; sums within a row run in a fixed
// order.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_OPS_H
#define QOPT_NUMERICS_OPS_H

#include "qopt/Numerics/ComputeContext.h"
#include "qopt/Numerics/MatrixView.h"

#include <span>

namespace qopt {

/// y = x / sqrt(mean(x²) + eps) · (offset + weight) over consecutive runs of
/// weight.size() elements, which divides x.size(). y may be x.
void rmsNorm(const ComputeContext &context, std::span<const float> x,
             std::span<const float> weight, float epsilon, std::span<float> y,
             float offset = 0);

/// y = (x − mean(x)) / sqrt(variance(x) + eps) · weight + bias over consecutive
/// runs of weight.size() elements; an empty bias is none. y may be x.
void layerNorm(const ComputeContext &context, std::span<const float> x,
               std::span<const float> weight, std::span<const float> bias,
               float epsilon, std::span<float> y);

/// Rotates each head of x [T, heads · headDim] in place: element i with element
/// i + R/2 for i < R/2 (`interleaved`: element 2i with 2i + 1), by positions[t]
/// · frequencies[i] (see RopeScaling.h), R = 2 · frequencies.size(); the other
/// headDim − R elements are left alone. Rotated elements are also multiplied by
/// `magnitude`.
void rope(const ComputeContext &context, MutableMatrix x, int64_t headDim,
          std::span<const int32_t> positions,
          std::span<const float> frequencies, bool interleaved = false,
          float magnitude = 1);

struct AttentionShape {
  int64_t heads = 1;   // of the queries
  int64_t kvHeads = 1; // divides heads
  int64_t headDim = 1;
  float scale = 1;    // on the scores, usually 1 / sqrt(headDim)
  int64_t window = 0; // a query sees this many last positions; 0: all
  float softcap = 0;  // scores become softcap · tanh(score / softcap); 0: no
};

/// Causal attention of one sequence. q [T, heads · headDim] are the queries of
/// the last T of the S positions whose keys and values k, v [S, kvHeads ·
/// headDim] hold; query t sees positions up to S − T + t. y is shaped like q.
void attention(const ComputeContext &context, ConstMatrix q, ConstMatrix k,
               ConstMatrix v, const AttentionShape &shape, MutableMatrix y);

/// Softmax of each row of x, in place.
void softmax(const ComputeContext &context, MutableMatrix x);

enum class Activation : uint8_t {
  Silu,     // x / (1 + exp(−x))
  Gelu,     // x/2 · (1 + erf(x / √2))
  GeluTanh, // its tanh approximation
};
/// y = activation(x), elementwise. y may be x.
void activate(const ComputeContext &context, Activation activation,
              std::span<const float> x, std::span<float> y);
/// y = activation(gate) · up, elementwise. y may be gate or up.
void gatedActivation(const ComputeContext &context, Activation activation,
                     std::span<const float> gate, std::span<const float> up,
                     std::span<float> y);

/// y = cap · tanh(x / cap), elementwise. y may be x.
void softcap(const ComputeContext &context, float cap, std::span<const float> x,
             std::span<float> y);
/// y[r, i] = x[r, order[i]]; order are columns of x. y is not x.
void permuteColumns(const ComputeContext &context, ConstMatrix x,
                    std::span<const int64_t> order, MutableMatrix y);
/// x = factor · x, elementwise.
void scale(const ComputeContext &context, float factor, std::span<float> x);

/// y = a + b, elementwise. y may be a or b.
void add(const ComputeContext &context, std::span<const float> a,
         std::span<const float> b, std::span<float> y);
/// Adds bias [N] to every row of x [M, N].
void addBias(const ComputeContext &context, std::span<const float> bias,
             MutableMatrix x);

/// y[t] = table[tokens[t]]. A token outside the table is BadInput.
Status gatherRows(const ComputeContext &context, ConstMatrix table,
                  std::span<const int32_t> tokens, MutableMatrix y);

} // namespace qopt

#endif // QOPT_NUMERICS_OPS_H
