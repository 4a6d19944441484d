//===- PeakFma.cpp - the processor's multiply-add rate --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "PeakFma.h"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <chrono>

using namespace qopt;

/// Independent sums: enough to cover two units of four cycles latency.
static constexpr int sums = 12;

#if defined(__x86_64__)
#define QOPT_TARGET(features) __attribute__((target(features)))
#else
#define QOPT_TARGET(features)
#endif

#define QOPT_FMA_LOOP(name, lanes, features)                                   \
  QOPT_TARGET(features) static float name(int64_t steps) {                     \
    using Vector = float __attribute__((ext_vector_type(lanes)));              \
    Vector sum[sums], factor = Vector(0.999f), term = Vector(0.001f);          \
    for (int i = 0; i < sums; ++i)                                             \
      sum[i] = Vector(float(i));                                               \
    asm volatile("" : "+m"(factor), "+m"(term));                               \
    for (int64_t step = 0; step < steps; ++step)                               \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < sums; ++i)        \
          sum[i] = __builtin_elementwise_fma(sum[i], factor, term);            \
    float total = 0;                                                           \
    for (int i = 0; i < sums; ++i)                                             \
      total += sum[i][0];                                                      \
    return total;                                                              \
  }

#if defined(__x86_64__)
QOPT_FMA_LOOP(fmaLoop512, 16, "avx512f")
QOPT_FMA_LOOP(fmaLoop256, 8, "avx2,fma")
#else
QOPT_FMA_LOOP(fmaLoop128, 4, "")
#endif

double qopt::peakFlops(ThreadPool &pool) {
  constexpr int64_t steps = 4'000'000;
#if defined(__x86_64__)
  const bool wide = isaSupported(Isa::Avx512);
  auto loop = wide ? fmaLoop512 : fmaLoop256;
  const int lanes = wide ? 16 : 8;
#else
  auto loop = fmaLoop128;
  const int lanes = 4;
#endif
  double best = 0;
  for (int run = 0; run < 7; ++run) {
    auto start = std::chrono::steady_clock::now();
    pool.parallelFor(pool.threads(),
                     [&](int64_t) { benchmark::DoNotOptimize(loop(steps)); });
    std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - start;
    best = std::max(best, 2. * lanes * sums * steps * pool.threads() /
                              elapsed.count());
  }
  return best;
}
