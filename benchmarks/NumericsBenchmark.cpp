//===- NumericsBenchmark.cpp - speed of the dense arithmetic --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Every line shows GFLOP/s and `peak`, its ratio to the multiply-add rate
// measured in this process on the same number of threads (for f64 work, to half
// of it).
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Cholesky.h"
#include "qopt/Numerics/Gemm.h"
#include "qopt/Numerics/Gptq.h"
#include "qopt/Numerics/GptqBlocks.h"
#include "qopt/Numerics/MachineSpeed.h"
#include "qopt/Numerics/Random.h"

#include <benchmark/benchmark.h>
#include <map>
#include <vector>

using namespace qopt;

static std::vector<float> randomValues(int64_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float &value : values)
    value = float(random.uniform() - 0.5);
  return values;
}

/// Sets the counters of a benchmark whose iteration does `flops` operations.
static void report(benchmark::State &state, ThreadPool &pool, double flops,
                   double peakShare = 1) {
  static std::map<unsigned, double> peaks;
  double &peak = peaks[pool.threads()];
  if (peak == 0)
    peak = peakFlops(pool);
  using benchmark::Counter;
  auto perSecond = Counter::kIsIterationInvariantRate;
  state.counters["GFLOP/s"] = Counter(flops / 1e9, perSecond);
  state.counters["peak"] = Counter(flops / (peak * peakShare), perSecond);
}

static void fmaPeak(benchmark::State &state) {
  ThreadPool pool(state.range(0));
  double peak = 0;
  for (auto _ : state)
    peak = std::max(peak, peakFlops(pool));
  state.counters["GFLOP/s"] = peak / 1e9;
}
BENCHMARK(fmaPeak)->Arg(1)->Arg(2)->Iterations(1)->UseRealTime();

/// threads, M, N, K
static void gemmF32(benchmark::State &state) {
  ThreadPool pool(state.range(0));
  const int64_t m = state.range(1), n = state.range(2), k = state.range(3);
  auto x = randomValues(m * k, 1), w = randomValues(n * k, 2);
  std::vector<float> y(m * n);
  for (auto _ : state)
    gemm(pool, {x.data(), m, k}, {w.data(), n, k}, {y.data(), m, n});
  report(state, pool, 2. * m * n * k);
}
BENCHMARK(gemmF32)
    ->ArgNames({"threads", "M", "N", "K"})
    ->ArgsProduct({{1, 2}, {512}, {4096}, {4096}})
    ->ArgsProduct({{1, 2}, {1, 4, 32, 256}, {4096}, {4096}})
    ->ArgsProduct({{1, 2}, {1, 256}, {256}, {256}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// threads, rows, K. Only the upper triangle is computed: rows · K² operations.
static void syrkF32(benchmark::State &state) {
  ThreadPool pool(state.range(0));
  const int64_t rows = state.range(1), k = state.range(2);
  auto x = randomValues(rows * k, 1);
  std::vector<double> h(k * k);
  for (auto _ : state)
    syrk(pool, {x.data(), rows, k}, {h.data(), k, k});
  report(state, pool, double(rows) * k * k);
}
BENCHMARK(syrkF32)
    ->ArgNames({"threads", "rows", "K"})
    ->ArgsProduct({{1, 2}, {2048}, {256, 4096}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// A well-conditioned [K, K] Hessian of random inputs.
static std::vector<double> randomHessian(ThreadPool &pool, int64_t k) {
  const int64_t rows = 512;
  auto x = randomValues(rows * k, 3);
  std::vector<double> h(k * k);
  syrk(pool, {x.data(), rows, k}, {h.data(), k, k});
  mirrorUpper(pool, {h.data(), k, k});
  return h;
}

/// threads, K. Cholesky and the inverse of the factor: 2 K³ / 3 operations.
static void inverseFactorF64(benchmark::State &state) {
  ThreadPool pool(state.range(0));
  const int64_t k = state.range(1);
  auto h = randomHessian(pool, k);
  for (auto _ : state)
    benchmark::DoNotOptimize(
        factorInverse<float>(pool, std::span<const double>(h), k, 0.01));
  report(state, pool, 2. * k * k * k / 3, 0.5);
}
/// threads, N, K. Quantization without the factorisation: N K² operations.
static void gptqColumns(benchmark::State &state) {
  ThreadPool pool(state.range(0));
  const int64_t n = state.range(1), k = state.range(2);
  auto weights = randomValues(n * k, 4);
  auto h = randomHessian(pool, k);
  const GroupedScheme scheme;
  auto factor = gptqFactor(pool, std::span<const double>(h), k, scheme);
  for (auto _ : state)
    benchmark::DoNotOptimize(
        gptqQuantize(pool, {weights.data(), n, k}, *factor, scheme));
  report(state, pool, double(n) * k * k);
}
/// threads, N, K. Onto Q4_K, without the factorisation: N K² operations to
/// compensate errors, 2 N K² for the gradient and for each round of descent.
static void gptqBlocks(benchmark::State &state) {
  ThreadPool pool(state.range(0));
  const int64_t n = state.range(1), k = state.range(2);
  auto weights = randomValues(n * k, 4);
  auto h = randomHessian(pool, k);
  const FormatRow &format = *findFormat(GgufType::Q4_K);
  const GptqBlocksOptions options;
  auto factor = GptqBlocksFactor::create(pool, h, k,
                                         *findBlockGrid(format.type), options);
  for (auto _ : state)
    benchmark::DoNotOptimize(gptqQuantizeBlocks(pool, {weights.data(), n, k},
                                                *factor, format, options));
  report(state, pool, (3. + 2 * options.rounds) * n * k * k);
}
BENCHMARK(inverseFactorF64)
    ->ArgNames({"threads", "K"})
    ->ArgsProduct({{1, 2}, {4096}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(gptqColumns)
    ->ArgNames({"threads", "N", "K"})
    ->ArgsProduct({{1, 2}, {4096}, {4096}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(gptqBlocks)
    ->ArgNames({"threads", "N", "K"})
    ->ArgsProduct({{1, 2}, {1024}, {4096}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

BENCHMARK_MAIN();
