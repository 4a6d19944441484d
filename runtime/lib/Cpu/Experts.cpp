//===- Experts.cpp - steps of mixtures of experts -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// How many rows an expert gets is known when the router has run. Each thread
// counts them by itself, from the same weights, so that all agree without
// asking each other.
//
//===----------------------------------------------------------------------===//
#include "CpuModel.h"

#include "qopt/Numerics/Experts.h"

#include <algorithm>

using namespace qopt;
using namespace qopt::runtime;

void qopt_rt_route(const QoptRtCall *call, int64_t thread, const float *logits,
                   float *weights, int64_t rows, int64_t experts, int64_t topK,
                   int64_t normalize) {
  const int64_t begin = rows * thread / call->threads;
  const int64_t count = rows * (thread + 1) / call->threads - begin;
  if (count == 0)
    return;
  ThreadPool alone(1);
  routeTokens({alone, detectIsa()}, {logits + begin * experts, count, experts},
              topK, normalize != 0,
              {weights + begin * experts, count, experts});
}

int64_t qopt_rt_dispatch(const QoptRtCall *call, int64_t thread, const float *x,
                         const float *weights, float *y, int64_t rows,
                         int64_t columns, int64_t experts, int64_t expert) {
  int64_t taken = 0;
  for (int64_t row = 0; row < rows; ++row) {
    if (weights[row * experts + expert] == 0)
      continue;
    if (taken % call->threads == thread)
      std::copy_n(x + row * columns, columns, y + taken * columns);
    ++taken;
  }
  return taken;
}

void qopt_rt_combine(const QoptRtCall *call, int64_t thread,
                     const float *weights, const float *const *outputs,
                     float *y, int64_t rows, int64_t columns, int64_t experts) {
  const int64_t begin = rows * thread / call->threads;
  const int64_t end = rows * (thread + 1) / call->threads;
  // The row of the next token of each expert.
  std::vector<int64_t> next(experts, 0);
  for (int64_t row = 0; row < end; ++row) {
    float *sum = y + row * columns;
    if (row >= begin)
      std::fill_n(sum, columns, 0.f);
    for (int64_t expert = 0; expert < experts; ++expert) {
      const float weight = weights[row * experts + expert];
      if (weight == 0)
        continue;
      const float *output = outputs[expert] + next[expert]++ * columns;
      for (int64_t i = 0; row >= begin && i < columns; ++i)
        sum[i] += weight * output[i];
    }
  }
}
