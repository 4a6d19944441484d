//===- CpuKernelBenchmark.cpp - kernels against the machine's limits ------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// y = x W^T for a weight of 4096 x 4096, as many copies of it in turn as make
// 160 MB, so that none is in a cache:
//
//   read   GB/s of packed bytes, and the share of what a plain read of the same
//          bytes gets, at M = 1
//   dot    Gop/s, and the share of what a loop of vpdpbusd on registers gets,
//          at larger M
//
//   build/bin/qopt-cpu-kernel-benchmark [--threads=1,2] [--m=1,256]
//       [--types=q4_k,int4_g128,...] [--exact] [--rounds=5] [--cpu=host]
//       [--thread-time]
//
// A kernel and its limit are measured in turn, several times, and the median of
// the ratios is given: other work on the machine disturbs both alike. On a busy
// one, --thread-time with --threads=1 counts only the time that the thread had.
//
//===----------------------------------------------------------------------===//
#include "PeakDot.h"
#include "qopt/Codegen/CPU/Jit.h"
#include "qopt/Codegen/CPU/Passes.h"
#include "qopt/Dialect/QOpt/QOptOps.h"
#include "qopt/Formats/BlockFields.h"
#include "qopt/Support/ThreadPool.h"

#include "mlir/Dialect/Func/Extensions/AllExtensions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>
#include <cstdio>
#include <random>

using namespace qopt;

namespace {
constexpr int64_t size = 4096;

/// What the command line chooses.
struct Options {
  std::vector<int> threads = {1, 2};
  std::vector<int64_t> rows = {1, 256};
  std::vector<std::string> types = {
      "int4_g128", "int4_g128_sym", "int8_g128", "int3_g128", "q8_0", "q4_0",
      "q4_1",      "q5_0",          "q5_1",      "q6_k",      "q5_k", "q4_k",
      "q3_k",      "q2_k",          "iq4_nl",    "iq4_xs",    "mxfp4"};
  bool exact = false;
  int rounds = 5;
  std::string cpu = "host";
  Clock clock = wallClock;
};

/// Copies of one weight in the interleaved layout, and its compiled kernel.
class Workload {
public:
  Workload(const std::string &type, const Options &options);

  int64_t bytes() const { return copyBytes; }
  int64_t copies() const { return count; }
  int64_t blocks() const { return size / 16; }
  const std::vector<uint8_t> &buffer() const { return memory; }

  void run(int64_t copy, const float *x, float *y, int64_t m, int64_t first,
           int64_t end) const {
    const intptr_t base = intptr_t(memory.data()) + copy * copyBytes;
    auto call = [&](auto... components) {
      reinterpret_cast<void (*)(const float *, decltype(components)..., float *,
                                int64_t, int64_t, int64_t)>(kernel)(
          x, components..., y, m, first, end);
    };
    const std::vector<int64_t> &o = offsets;
    switch (o.size()) {
    case 2:
      return call(base + o[0], base + o[1]);
    case 3:
      return call(base + o[0], base + o[1], base + o[2]);
    case 4:
      return call(base + o[0], base + o[1], base + o[2], base + o[3]);
    default:
      return call(base + o[0], base + o[1], base + o[2], base + o[3],
                  base + o[4]);
    }
  }

private:
  void compile(const std::string &scheme, const std::string &type,
               const Options &options);

  std::vector<int64_t> offsets; // of the components of a copy
  int64_t copyBytes = 0, count = 0;
  std::vector<uint8_t> memory;
  std::unique_ptr<cpu::Jit> jit;
  void *kernel = nullptr;
};
} // namespace

/// `int4_g128_sym` as a scheme; bits 0 if it is none.
static GroupedScheme parseGrouped(const std::string &type) {
  GroupedScheme scheme{0, 0, llvm::StringRef(type).ends_with("_sym")};
  if (std::sscanf(type.c_str(), "int%d_g%ld", &scheme.bits,
                  &scheme.groupSize) != 2)
    scheme.bits = 0;
  return scheme;
}

Workload::Workload(const std::string &type, const Options &options) {
  InterleavedLayout layout;
  std::string scheme;
  if (GroupedScheme grouped = parseGrouped(type); grouped.bits) {
    layout = {grouped, size, size};
    scheme = str("#qopt.grouped<bits = ", grouped.bits,
                 ", group = ", grouped.groupSize,
                 grouped.symmetric ? ", symmetric>" : ">");
  } else {
    const FormatRow *row = findFormat(type);
    const BlockFields *fields = row ? findBlockFields(row->type) : nullptr;
    if (!fields) {
      std::fprintf(stderr, "no type '%s'\n", type.c_str());
      std::exit(2);
    }
    layout = {fields->hierarchy, size, size, 16, fields};
    scheme = str("#qopt.gguf<", type, ">");
  }
  for (const Component &component : layout.components()) {
    offsets.push_back(copyBytes);
    copyBytes += component.bytes();
  }
  count = std::max<int64_t>(1, (160 << 20) / copyBytes);
  memory.resize(count * copyBytes + 64);
  // Any bits are codes; 0x1111 is 0.0006 as a scale.
  std::ranges::fill(memory, 0x11);
  compile(scheme, type, options);
}

void Workload::compile(const std::string &scheme, const std::string &type,
                       const Options &options) {
  std::string x = str("tensor<?x", size, "xf32>");
  std::string weight = str("!qopt.packed<", size, "x", size, "xf16, ", scheme,
                           ", #qopt.interleaved<rows = 16>>");
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
  cpu::LowerToLLVMCPUOptions lowering;
  lowering.exact = options.exact;
  lowering.cpu = options.cpu;
  cpu::buildLowerToLLVMCPUPipeline(manager, lowering);
  if (mlir::failed(manager.run(*module)))
    std::exit(1);
  auto compiled = cpu::Jit::compile(*module);
  if (!compiled) {
    std::fprintf(stderr, "%s\n", compiled.error().message.c_str());
    std::exit(1);
  }
  jit = std::make_unique<cpu::Jit>(std::move(*compiled));
  kernel = reinterpret_cast<void *>(*jit->lookup<void()>(
      str("qopt_linear_", type, "_n", size, "_k", size, "_blocks")));
}

//===----------------------------------------------------------------------===//
// Measuring
//===----------------------------------------------------------------------===//

using Vector = long long __attribute__((vector_size(64), aligned(1)));

#if defined(__x86_64__)
__attribute__((target("avx2")))
#endif
static long long readAll(const uint8_t *data, int64_t bytes) {
  Vector sums[8] = {};
  const Vector *vectors = reinterpret_cast<const Vector *>(data);
  for (int64_t i = 0; i + 8 <= bytes / 64; i += 8)
    for (int j = 0; j < 8; ++j)
      sums[j] += vectors[i + j];
  long long total = 0;
  for (Vector &sum : sums)
    for (int i = 0; i < 8; ++i)
      total += sum[i];
  return total;
}

template <typename Body> static double seconds(Clock clock, Body body) {
  const double start = clock();
  body();
  return clock() - start;
}

static double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// A thread's share of `count` things.
static std::pair<int64_t, int64_t> share(int64_t count, int64_t thread,
                                         int64_t threads) {
  return {count * thread / threads, count * (thread + 1) / threads};
}

/// Prints rate, limit and the share of it.
static void measure(const std::string &type, const Workload &work,
                    ThreadPool &pool, int64_t m, int rounds, Clock clock) {
  const int threads = pool.threads();
  std::vector<float> x(m * size), y(m * size);
  std::mt19937 random(1);
  for (float &value : x)
    value = float(int(random() % 2001) - 1000) / 1000;
  // About as long as reading all copies once.
  const int64_t copies = std::clamp<int64_t>(
      work.copies() * 4 / std::max<int64_t>(m, 4), 1, work.copies());
  std::vector<double> rates, limits, shares;
  volatile long long sink = 0;
  for (int round = 0; round < rounds; ++round) {
    double rate = seconds(clock, [&] {
      pool.parallelFor(threads, [&](int64_t thread) {
        auto [first, end] = share(work.blocks(), thread, threads);
        for (int64_t copy = 0; copy < copies; ++copy)
          work.run(copy, x.data(), y.data(), m, first, end);
      });
    });
    double limit;
    if (m == 1) {
      rate = copies * work.bytes() / rate / 1e9;
      double time = seconds(clock, [&] {
        pool.parallelFor(threads, [&](int64_t thread) {
          auto [first, end] =
              share(copies * work.bytes() / 64, thread, threads);
          sink = sink +
                 readAll(work.buffer().data() + first * 64, (end - first) * 64);
        });
      });
      limit = copies * work.bytes() / time / 1e9;
    } else {
      rate = 2. * m * size * size * copies / rate / 1e9;
      limit = peakDots(pool, clock) / 1e9;
    }
    rates.push_back(rate);
    limits.push_back(limit);
    shares.push_back(rate / limit);
  }
  std::printf("%-14s %7d %5ld %9.1f %9.1f %7.2f\n", type.c_str(), threads,
              long(m), median(rates), median(limits), median(shares));
  std::fflush(stdout);
}

template <typename Number>
static std::vector<Number> numbers(llvm::StringRef text) {
  std::vector<Number> result;
  for (llvm::StringRef part : llvm::split(text, ','))
    result.push_back(Number(std::strtol(part.str().c_str(), nullptr, 10)));
  return result;
}

int main(int argc, char **argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    llvm::StringRef argument = argv[i];
    if (argument.consume_front("--threads="))
      options.threads = numbers<int>(argument);
    else if (argument.consume_front("--m="))
      options.rows = numbers<int64_t>(argument);
    else if (argument.consume_front("--rounds="))
      options.rounds = std::max(1, numbers<int>(argument)[0]);
    else if (argument.consume_front("--cpu="))
      options.cpu = argument.str();
    else if (argument == "--exact")
      options.exact = true;
    else if (argument == "--thread-time")
      options.clock = threadClock;
    else if (argument.consume_front("--types=")) {
      options.types.clear();
      for (llvm::StringRef type : llvm::split(argument, ','))
        options.types.push_back(type.str());
    } else {
      std::fprintf(stderr, "unknown argument '%s'\n", argv[i]);
      return 2;
    }
  }
  std::printf(
      "type           threads     M      rate     limit   share   (GB/s "
      "at M = 1, else Gop/s)\n");
  for (const std::string &type : options.types) {
    Workload work(type, options);
    for (int threads : options.threads) {
      ThreadPool pool(threads);
      for (int64_t m : options.rows)
        measure(type, work, pool, m, options.rounds, options.clock);
    }
  }
  return 0;
}
