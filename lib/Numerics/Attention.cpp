//===- Attention.cpp - causal attention of one sequence -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "KernelTable.h"
#include "Scratch.h"
#include "qopt/Numerics/Gemm.h"
#include "qopt/Numerics/Ops.h"

#include <algorithm>
#include <cassert>
#include <cmath>

using namespace qopt;

/// Queries whose scores are computed together: whole tiles, and enough of them
/// that packing keys and values is little beside the products.
static constexpr int64_t queriesPerTask = 96;

void qopt::attention(const ComputeContext &context, ConstMatrix q,
                     ConstMatrix k, ConstMatrix v, const AttentionShape &shape,
                     MutableMatrix y) {
  const int64_t dim = shape.headDim, past = k.rows - q.rows;
  assert(q.columns == shape.heads * dim && k.columns == shape.kvHeads * dim &&
         v.columns == k.columns && v.rows == k.rows && past >= 0 &&
         shape.heads % shape.kvHeads == 0);
  const KernelTable &kernels = kernelsFor(context.isa);
  const int64_t pieces = (q.rows + queriesPerTask - 1) / queriesPerTask;
  // The last queries see the most keys: start with them.
  context.pool.parallelFor(pieces * shape.heads, [&](int64_t task) {
    const int64_t head = task % shape.heads;
    const int64_t kvHead = head / (shape.heads / shape.kvHeads);
    const int64_t first = (pieces - 1 - task / shape.heads) * queriesPerTask;
    const int64_t count = std::min(queriesPerTask, q.rows - first);
    // Keys [begin, end) are seen by at least one of these queries.
    const int64_t end = past + first + count;
    const int64_t begin =
        shape.window > 0 ? std::max<int64_t>(0, past + first + 1 - shape.window)
                         : 0;
    Scratch<float> storage(count * (end - begin));
    MutableMatrix scores(storage.data(), count, end - begin);
    gemm(context, q.block(first, head * dim, count, dim),
         k.block(begin, kvHead * dim, end - begin, dim), scores);
    for (int64_t row = 0; row < count; ++row) {
      const int64_t position = past + first + row;
      const int64_t seenEnd = position + 1 - begin;
      const int64_t seenBegin =
          shape.window > 0
              ? std::max<int64_t>(0, position + 1 - shape.window - begin)
              : 0;
      float *line = scores.row(row);
      std::fill(line, line + seenBegin, 0.f);
      std::fill(line + seenEnd, line + scores.columns, 0.f);
      float scale = shape.scale;
      if (shape.softcap > 0) {
        for (int64_t i = seenBegin; i < seenEnd; ++i)
          line[i] =
              shape.softcap * std::tanh(line[i] * shape.scale / shape.softcap);
        scale = 1;
      }
      kernels.softmax(line + seenBegin, seenEnd - seenBegin, scale);
    }
    matmul(context, scores, v.block(begin, kvHead * dim, end - begin, dim),
           y.block(first, head * dim, count, dim));
  });
}
