//===- CpuKernelBenchmark.cpp - kernels against the memory they read ------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// GB/s of packed bytes that the M = 1 kernel of a 4096 x 4096 weight reads, on
// 18 weights in turn (151 MB at 4 bits, far above any cache), beside what a
// plain read of the same bytes gets in the same run.
//
//   build/bin/qopt-cpu-kernel-benchmark --benchmark_repetitions=3
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/CPU/Jit.h"
#include "qopt/Codegen/CPU/Passes.h"
#include "qopt/Dialect/QOpt/QOptOps.h"

#include "mlir/Dialect/Func/Extensions/AllExtensions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include <algorithm>
#include <benchmark/benchmark.h>
#include <map>

using namespace qopt;

namespace {
constexpr int64_t size = 4096;
constexpr int64_t copies = 18;

/// Copies of one weight in the interleaved layout, and its compiled kernel.
struct Workload {
  explicit Workload(GroupedScheme scheme) : layout{scheme, size, size} {
    for (const Component &component : layout.components())
      componentBytes.push_back(component.bytes());
    for (int64_t bytes : componentBytes) {
      std::vector<uint8_t> &buffer =
          buffers.emplace_back(copies * bytes + /*slack=*/64);
      // Codes and zero points of any value; scales of 0x1111 are 0.0006.
      std::ranges::fill(buffer, 0x11);
    }
    compile();
  }

  void compile() {
    const GroupedScheme &s = layout.scheme;
    std::string x = str("tensor<?x", size, "xf32>");
    std::string weight = str(
        "!qopt.packed<", size, "x", size, "xf16, #qopt.grouped<bits = ", s.bits,
        ", group = ", s.groupSize, s.symmetric ? ", symmetric" : "",
        ">, #qopt.interleaved<rows = 16>>");
    mlir::DialectRegistry registry;
    registry.insert<QOptDialect, mlir::func::FuncDialect>();
    mlir::func::registerAllExtensions(registry);
    mlir::MLIRContext context(registry);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(
        str("func.func @f(%x: ", x, ", %w: ", weight, ") -> ", x,
            " {\n %0 = qopt.linear %x, %w : ", x, ", ", weight, " -> ", x,
            "\n return %0 : ", x, "\n}"),
        &context);
    mlir::PassManager manager(&context);
    cpu::buildLowerToLLVMCPUPipeline(manager, cpu::LowerToLLVMCPUOptions());
    if (mlir::failed(manager.run(*module)))
      std::abort();
    std::string symbol =
        str("qopt_linear_int", s.bits, "_g", s.groupSize,
            s.symmetric ? "_sym" : "", "_n", size, "_k", size, "_blocks");
    jit = std::make_unique<cpu::Jit>(*cpu::Jit::compile(*module));
    kernel = reinterpret_cast<void *>(*jit->lookup<void()>(symbol));
  }

  void run(int64_t copy, const float *x, float *y, int64_t m, int64_t first,
           int64_t end) const {
    using Bytes = const uint8_t *;
    Bytes packed = buffers[0].data() + copy * componentBytes[0];
    Bytes scales = buffers[1].data() + copy * componentBytes[1];
    if (layout.scheme.symmetric)
      return reinterpret_cast<void (*)(const float *, Bytes, Bytes, float *,
                                       int64_t, int64_t, int64_t)>(kernel)(
          x, packed, scales, y, m, first, end);
    Bytes zeros = buffers[2].data() + copy * componentBytes[2];
    reinterpret_cast<void (*)(const float *, Bytes, Bytes, Bytes, float *,
                              int64_t, int64_t, int64_t)>(kernel)(
        x, packed, scales, zeros, y, m, first, end);
  }

  int64_t bytes() const {
    int64_t sum = 0;
    for (int64_t each : componentBytes)
      sum += each;
    return sum;
  }

  InterleavedLayout layout;
  std::vector<int64_t> componentBytes;
  std::vector<std::vector<uint8_t>> buffers;
  std::unique_ptr<cpu::Jit> jit;
  void *kernel = nullptr;
};

/// Built once per scheme, before any thread starts.
const Workload &workload(GroupedScheme scheme) {
  static std::map<std::pair<int, bool>, std::unique_ptr<Workload>> all;
  auto &entry = all[{scheme.bits, scheme.symmetric}];
  if (!entry)
    entry = std::make_unique<Workload>(scheme);
  return *entry;
}

using Vector = long long __attribute__((vector_size(32), aligned(1)));

__attribute__((target("avx2"))) long long readAll(const uint8_t *data,
                                                  int64_t bytes) {
  Vector sums[8] = {};
  const Vector *vectors = reinterpret_cast<const Vector *>(data);
  for (int64_t i = 0; i + 8 <= bytes / 32; i += 8)
    for (int j = 0; j < 8; ++j)
      sums[j] += vectors[i + j];
  long long total = 0;
  for (Vector &sum : sums)
    total += sum[0] + sum[1] + sum[2] + sum[3];
  return total;
}

/// A thread's share of `count` things.
std::pair<int64_t, int64_t> share(const benchmark::State &state,
                                  int64_t count) {
  return {count * state.thread_index() / state.threads(),
          count * (state.thread_index() + 1) / state.threads()};
}

void readBandwidth(benchmark::State &state) {
  const std::vector<uint8_t> &buffer = workload({4, 128, false}).buffers[0];
  auto [first, end] = share(state, buffer.size());
  for (auto _ : state)
    benchmark::DoNotOptimize(readAll(buffer.data() + first, end - first));
  state.SetBytesProcessed(state.iterations() * (end - first));
}

void linear(benchmark::State &state) {
  const Workload &work =
      workload({int(state.range(0)), 128, state.range(1) != 0});
  const int64_t m = state.range(2);
  std::vector<float> x(m * size, 0.5f), y(m * size);
  auto [first, end] = share(state, work.layout.blocks());
  for (auto _ : state)
    for (int64_t copy = 0; copy < copies; ++copy)
      work.run(copy, x.data(), y.data(), m, first, end);
  state.SetBytesProcessed(state.iterations() * copies * work.bytes() *
                          (end - first) / work.layout.blocks());
  state.SetItemsProcessed(state.iterations() * copies * 2 * m * size * 16 *
                          (end - first)); // flop
}
} // namespace

int main(int argc, char **argv) {
  for (int bits : {4, 8, 3})
    for (bool symmetric : {false, true})
      workload({bits, 128, symmetric});
  benchmark::RegisterBenchmark("read", readBandwidth)
      ->ThreadRange(1, 2)
      ->UseRealTime();
  benchmark::RegisterBenchmark("linear", linear)
      ->ArgNames({"bits", "symmetric", "m"})
      ->ArgsProduct({{4, 8, 3}, {0, 1}, {1}})
      ->Args({4, 0, 4})
      ->Args({4, 0, 16})
      ->ThreadRange(1, 2)
      ->UseRealTime();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
