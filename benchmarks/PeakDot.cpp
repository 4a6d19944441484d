//===- PeakDot.cpp - the processor's rate of byte products ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "PeakDot.h"

#include <algorithm>
#include <ctime>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace qopt;

/// Independent sums: enough to cover two units of five cycles latency.
static constexpr int sums = 12;

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vnni"))) static int
dotLoop512(int64_t steps) {
  __m512i sum[sums], a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(2);
  for (int i = 0; i < sums; ++i)
    sum[i] = _mm512_setzero_si512();
  asm volatile("" : "+v"(a), "+v"(b));
  for (int64_t step = 0; step < steps; ++step)
#pragma clang loop unroll(full)
    for (int i = 0; i < sums; ++i)
      sum[i] = _mm512_dpbusd_epi32(sum[i], a, b);
  int total = 0;
  for (int i = 0; i < sums; ++i)
    total += _mm512_reduce_add_epi32(sum[i]);
  return total;
}

__attribute__((target("avx2"))) static int dotLoop256(int64_t steps) {
  __m256i sum[sums], a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(2);
  __m256i ones = _mm256_set1_epi16(1);
  for (int i = 0; i < sums; ++i)
    sum[i] = _mm256_setzero_si256();
  for (int64_t step = 0; step < steps; ++step) {
#pragma clang loop unroll(full)
    for (int i = 0; i < sums; ++i) {
      asm volatile("" : "+x"(a)); // or the product leaves the loop
      sum[i] = _mm256_add_epi32(
          sum[i], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
    }
  }
  __m256i total = sum[0];
  for (int i = 1; i < sums; ++i)
    total = _mm256_add_epi32(total, sum[i]);
  return _mm256_extract_epi32(total, 0);
}
#endif

static double read(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

double qopt::wallClock() { return read(CLOCK_MONOTONIC); }
double qopt::threadClock() { return read(CLOCK_THREAD_CPUTIME_ID); }

double qopt::peakDots(ThreadPool &pool, Clock clock) {
#if defined(__x86_64__)
  constexpr int64_t steps = 500'000;
  const bool wide = __builtin_cpu_supports("avx512vnni");
  auto loop = wide ? dotLoop512 : dotLoop256;
  double best = 0;
  for (int run = 0; run < 5; ++run) {
    double start = clock();
    pool.parallelFor(pool.threads(), [&](int64_t) {
      volatile int sink = loop(steps);
      (void)sink;
    });
    double elapsed = clock() - start;
    best = std::max(best, 2. * (wide ? 64 : 32) * sums * steps *
                              pool.threads() / elapsed);
  }
  return best;
#else
  (void)pool, (void)clock;
  return 0; // not known
#endif
}
