//===- FormatBenchmark.cpp - speed of encoders and of interleaving --------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Every line shows GB/s of what goes in, f32 weights or, in lines with
// `interleave`, quantized ones, and `memory`, its ratio to
// the bandwidth at which this process reads memory on the same number of
// threads. One thread is measured in processor time, so that other load on the
// machine disturbs less; more are measured in real time.
// QOPT_GGML=/path/to/libggml-base.so measures ggml_quantize_chunk in the same
// run, as ggml/<type>.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/BlockFields.h"
#include "qopt/Formats/Interleaved.h"
#include "qopt/Support/ThreadPool.h"

#include <benchmark/benchmark.h>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <random>
#include <string>

using namespace qopt;

static constexpr int64_t columns = 4096, taskRows = 64;

/// Heavy-tailed, in rows of different scale; larger than the caches.
static const std::vector<float> &weights() {
  static const std::vector<float> values = [] {
    std::mt19937_64 random(1);
    std::student_t_distribution<float> heavyTailed(4);
    std::vector<float> result(taskRows * 64 * columns);
    // A tile repeated: the generator is slower than the encoders.
    for (int64_t i = 0; i < taskRows * columns; ++i)
      result[i] = 0.02f * heavyTailed(random);
    for (size_t i = taskRows * columns; i < result.size(); ++i)
      result[i] = result[i - taskRows * columns] * 1.01f;
    return result;
  }();
  return values;
}

static const std::vector<float> &importance() {
  static const std::vector<float> values = [] {
    std::mt19937_64 random(2);
    std::lognormal_distribution<float> logNormal(0, 1);
    std::vector<float> result(columns);
    for (float &value : result)
      value = logNormal(random);
    return result;
  }();
  return values;
}

/// Bytes per second at which the pool's threads together read weights().
static double readBandwidth(ThreadPool &pool) {
  using Vector = uint64_t __attribute__((ext_vector_type(2)));
  const std::vector<float> &source = weights();
  const int64_t taskFloats = taskRows * columns;
  double best = 0;
  for (int run = 0; run < 7; ++run) {
    auto start = std::chrono::steady_clock::now();
    pool.parallelFor(source.size() / taskFloats, [&](int64_t task) {
      const char *bytes =
          reinterpret_cast<const char *>(&source[task * taskFloats]);
      Vector sums[8] = {};
      for (int64_t i = 0; i < taskFloats * 4; i += sizeof(sums))
        for (int j = 0; j < 8; ++j) {
          Vector value;
          __builtin_memcpy(&value, bytes + i + j * sizeof(Vector),
                           sizeof(Vector));
          sums[j] += value;
        }
      benchmark::DoNotOptimize(sums);
    });
    std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - start;
    best = std::max(best, source.size() * 4 / elapsed.count());
  }
  return best;
}

static void report(benchmark::State &state, ThreadPool &pool, double bytes) {
  static std::map<unsigned, double> bandwidths;
  double &bandwidth = bandwidths[pool.threads()];
  if (bandwidth == 0)
    bandwidth = readBandwidth(pool);
  using benchmark::Counter;
  auto perSecond = Counter::kIsIterationInvariantRate;
  state.counters["GB/s"] = Counter(bytes / 1e9, perSecond);
  state.counters["memory"] = Counter(bytes / bandwidth, perSecond);
}

static void encode(benchmark::State &state, const FormatRow &row,
                   bool byImportance, unsigned threads) {
  ThreadPool pool(threads);
  const int64_t rows = weights().size() / columns;
  std::vector<uint8_t> blocks(rows * row.rowBytes(columns));
  const float *columnImportance = byImportance ? importance().data() : nullptr;
  for (auto _ : state)
    pool.parallelFor(rows / taskRows, [&](int64_t task) {
      const int64_t first = task * taskRows;
      row.encodeRows(&weights()[first * columns], columnImportance,
                     &blocks[first * row.rowBytes(columns)], taskRows, columns);
    });
  report(state, pool, weights().size() * 4.);
}

static void decode(benchmark::State &state, const FormatRow &row) {
  ThreadPool pool(1);
  std::vector<uint8_t> blocks(taskRows * row.rowBytes(columns));
  row.encodeRows(weights().data(), nullptr, blocks.data(), taskRows, columns);
  std::vector<float> back(taskRows * columns);
  for (auto _ : state)
    row.decode(blocks.data(), back.data(), back.size());
  report(state, pool, back.size() * 4.);
}

/// Brings a matrix, 64 MB of random bytes, into the layout of CPU kernels.
static void interleave(benchmark::State &state, InterleavedLayout layout,
                       std::vector<int64_t> rowBytes, Isa isa,
                       unsigned threads) {
  ThreadPool pool(threads);
  layout.columns = columns;
  layout.rows = taskRows;
  int64_t rowsBytes = 0;
  for (int64_t bytes : rowBytes)
    rowsBytes += bytes;
  const int64_t tasks = (64 << 20) / (taskRows * rowsBytes);
  std::mt19937_64 random(3);
  std::vector<std::vector<uint8_t>> sources, targets;
  for (int64_t bytes : rowBytes) {
    sources.emplace_back(tasks * taskRows * bytes);
    for (size_t i = 0; i + 8 <= sources.back().size(); i += 8) {
      uint64_t bits = random();
      std::memcpy(&sources.back()[i], &bits, sizeof(bits));
    }
  }
  for (const Component &component : layout.components())
    targets.emplace_back(tasks * component.bytes() + 64);
  for (auto _ : state)
    pool.parallelFor(tasks, [&](int64_t task) {
      std::vector<std::span<const uint8_t>> source;
      std::vector<std::span<uint8_t>> target;
      for (std::vector<uint8_t> &all : sources)
        source.push_back(std::span(all).subspan(task * (all.size() / tasks),
                                                all.size() / tasks));
      for (std::vector<uint8_t> &all : targets) {
        size_t size = (all.size() - 64) / tasks; // from a multiple of 64 on
        target.push_back(
            {all.data() + (-uintptr_t(all.data()) & 63) + task * size, size});
      }
      interleave(layout, source, target, isa);
    });
  report(state, pool, double(tasks * taskRows * rowsBytes));
}

using QuantizeChunk = size_t (*)(int type, const float *source, void *target,
                                 int64_t start, int64_t rows, int64_t columns,
                                 const float *importance);

static void encodeByGgml(benchmark::State &state, QuantizeChunk quantize,
                         const FormatRow &row, bool byImportance) {
  ThreadPool pool(1);
  std::vector<uint8_t> blocks(taskRows * row.rowBytes(columns));
  const std::vector<float> &source = weights();
  const float *columnImportance = byImportance ? importance().data() : nullptr;
  size_t first = 0; // from memory, as ours
  for (auto _ : state) {
    quantize(int(row.type), &source[first], blocks.data(), 0, taskRows, columns,
             columnImportance);
    first = (first + taskRows * columns) % source.size();
  }
  report(state, pool, taskRows * columns * 4.);
}

static void memory(benchmark::State &state) {
  ThreadPool pool(state.range(0));
  double best = 0;
  for (auto _ : state)
    best = std::max(best, readBandwidth(pool));
  state.counters["GB/s"] = best / 1e9;
}
BENCHMARK(memory)->Arg(1)->Arg(2)->Iterations(1)->UseRealTime();

static QuantizeChunk findGgml() {
  const char *path = std::getenv("QOPT_GGML");
  if (!path)
    return nullptr;
  void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
  void *symbol = library ? dlsym(library, "ggml_quantize_chunk") : nullptr;
  if (!symbol)
    fprintf(stderr, "no ggml_quantize_chunk in %s: %s\n", path, dlerror());
  return reinterpret_cast<QuantizeChunk>(symbol);
}

/// For the types whose search weighs errors by importance.
static bool takesImportance(const FormatRow &row) {
  return row.quantized && row.name != "q8_0" && row.name != "mxfp4" &&
         !row.name.starts_with("tq");
}

static void registerBenchmarks(Isa isa, bool best, QuantizeChunk ggml) {
  auto add = [](const std::string &title, auto function) {
    return benchmark::RegisterBenchmark(title.c_str(), function)
        ->Unit(benchmark::kMillisecond);
  };
  for (const FormatRow &row : formatTable(isa)) {
    const std::string name(row.name);
    for (bool byImportance : {false, true}) {
      if (byImportance && !takesImportance(row))
        continue;
      std::string title = name + (byImportance ? "/importance" : "");
      auto encodeOn = [&row, byImportance](unsigned threads) {
        return [&row, byImportance, threads](benchmark::State &state) {
          encode(state, row, byImportance, threads);
        };
      };
      add(std::string(isaName(isa)) + "/" + title, encodeOn(1));
      if (!best)
        continue;
      add("two_threads/" + title, encodeOn(2))->UseRealTime();
      if (ggml && row.quantized)
        add("ggml/" + title,
            [&row, byImportance, ggml](benchmark::State &state) {
              encodeByGgml(state, ggml, row, byImportance);
            });
    }
    if (best)
      add("decode/" + name,
          [&row](benchmark::State &state) { decode(state, row); });
  }
}

static void registerInterleaving(Isa isa, bool best) {
  auto add = [&](std::string_view name, const InterleavedLayout &layout,
                 std::vector<int64_t> rowBytes) {
    for (unsigned threads : {1, 2}) {
      if (threads > 1 && !best)
        continue;
      std::string title =
          threads > 1 ? "two_threads" : std::string(isaName(isa));
      auto *line = benchmark::RegisterBenchmark(
          (title + "/interleave/" + std::string(name)).c_str(),
          [=](benchmark::State &state) {
            interleave(state, layout, rowBytes, isa, threads);
          });
      line->Unit(benchmark::kMillisecond);
      if (threads > 1)
        line->UseRealTime();
    }
  };
  for (const FormatRow &row : formatTable())
    if (const BlockFields *fields = findBlockFields(row.type))
      add(row.name, {.hierarchy = fields->hierarchy, .fields = fields},
          {row.rowBytes(columns)});
  for (int bits : {3, 4, 8}) {
    GroupedScheme scheme{bits, 128};
    const int64_t groups = scheme.groups(columns);
    add("int" + std::to_string(bits) + "_g128", {.hierarchy = scheme},
        {scheme.packedRowBytes(columns), 2 * groups, groups});
  }
}

int main(int argc, char **argv) {
  QuantizeChunk ggml = findGgml();
  for (Isa isa : {Isa::Avx512, Isa::Avx2, Isa::Baseline})
    if (isaSupported(isa)) {
      registerBenchmarks(isa, isa == detectIsa(), ggml);
      registerInterleaving(isa, isa == detectIsa());
    }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
