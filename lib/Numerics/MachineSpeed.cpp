//===- MachineSpeed.cpp - what the processor and its memory can do --------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/MachineSpeed.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#ifdef __x86_64__
#include <immintrin.h>
#endif

using namespace qopt;

#if defined(__x86_64__)
#define QOPT_TARGET(features) __attribute__((target(features)))
#else
#define QOPT_TARGET(features)
#endif

/// Independent sums: enough to cover two units of four or five cycles latency.
static constexpr int sums = 12;

template <typename T> static void keep(const T &value) {
  asm volatile("" : : "g"(&value) : "memory");
}

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

QOPT_TARGET("avx512f,avx512vnni") static int byteLoop(int64_t steps) {
  __m512i sum[sums], left = _mm512_set1_epi8(3), right = left;
  for (int i = 0; i < sums; ++i)
    sum[i] = _mm512_set1_epi32(i);
  asm volatile("" : "+m"(left), "+m"(right));
  for (int64_t step = 0; step < steps; ++step)
    _Pragma("clang loop unroll(full)") for (int i = 0; i < sums; ++i) sum[i] =
        _mm512_dpbusd_epi32(sum[i], left, right);
  for (int i = 1; i < sums; ++i) // by lanes, which wrap around
    sum[0] = _mm512_add_epi32(sum[0], sum[i]);
  return _mm512_cvtsi512_si32(sum[0]);
}
#else
QOPT_FMA_LOOP(fmaLoop128, 4, "")
#endif

/// The best rate of `runs` runs of loop(steps) on all threads.
template <typename Loop>
static double bestRate(ThreadPool &pool, int runs, double operations,
                       Loop loop) {
  constexpr int64_t steps = 500'000;
  double best = 0;
  for (int run = 0; run < runs; ++run) {
    auto start = std::chrono::steady_clock::now();
    pool.parallelFor(pool.threads(), [&](int64_t) { keep(loop(steps)); });
    std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - start;
    best = std::max(best, operations * sums * steps * pool.threads() /
                              elapsed.count());
  }
  return best;
}

double qopt::peakFlops(ThreadPool &pool, int runs) {
#if defined(__x86_64__)
  return isaSupported(Isa::Avx512) ? bestRate(pool, runs, 2 * 16, fmaLoop512)
                                   : bestRate(pool, runs, 2 * 8, fmaLoop256);
#else
  return bestRate(pool, runs, 2 * 4, fmaLoop128);
#endif
}

double qopt::peakByteOps(ThreadPool &pool, int runs) {
#if defined(__x86_64__)
  uint32_t a, b, c = 0, d;
  asm("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
  if (isaSupported(Isa::Avx512) && (c >> 11 & 1)) // AVX512_VNNI
    return bestRate(pool, runs, 2 * 64, byteLoop);
#endif
  return 0;
}

#define QOPT_READ_LOOP(name, width, target)                                    \
  target static unsigned long long name(const uint8_t *data, int64_t bytes) {  \
    using Vector = unsigned long long __attribute__((vector_size(width)));     \
    Vector sum[8] = {};                                                        \
    for (int64_t i = 0; i + 8 <= bytes / width; i += 8)                        \
      for (int j = 0; j < 8; ++j) {                                            \
        Vector next; /* wherever it lies */                                    \
        std::memcpy(&next, data + (i + j) * width, width);                     \
        sum[j] += next;                                                        \
      }                                                                        \
    unsigned long long total = 0;                                              \
    for (Vector &each : sum)                                                   \
      total += each[0];                                                        \
    return total;                                                              \
  }

#if defined(__x86_64__)
QOPT_READ_LOOP(read512, 64, QOPT_TARGET("avx512f"))
QOPT_READ_LOOP(read256, 32, QOPT_TARGET("avx2"))
#endif
QOPT_READ_LOOP(read128, 16, )

double qopt::readBandwidth(ThreadPool &pool,
                           std::span<const std::span<const uint8_t>> memory) {
  auto read = read128;
#if defined(__x86_64__)
  if (isaSupported(Isa::Avx512))
    read = read512;
  else if (isaSupported(Isa::Avx2))
    read = read256;
#endif
  int64_t total = 0;
  for (std::span<const uint8_t> each : memory)
    total += each.size();
  auto start = std::chrono::steady_clock::now();
  const int64_t threads = pool.threads();
  pool.parallelFor(threads, [&](int64_t thread) {
    // Each thread reads one run of the bytes of all spans, put end to end.
    const int64_t begin = total * thread / threads;
    const int64_t end = total * (thread + 1) / threads;
    int64_t first = 0;
    for (std::span<const uint8_t> each : memory) {
      const int64_t from = std::max<int64_t>(begin - first, 0);
      const int64_t to = std::min<int64_t>(end - first, int64_t(each.size()));
      if (from < to)
        keep(read(each.data() + from, to - from));
      first += each.size();
    }
  });
  std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - start;
  return double(total) / elapsed.count();
}
