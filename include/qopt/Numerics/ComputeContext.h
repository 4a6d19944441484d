//===- ComputeContext.h - threads and instruction set -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_COMPUTECONTEXT_H
#define QOPT_NUMERICS_COMPUTECONTEXT_H

#include "qopt/Support/Error.h"
#include "qopt/Support/ThreadPool.h"

#include <cstdint>
#include <string_view>

namespace qopt {

/// The instruction sets that the dense kernels are compiled for. Results are
/// bit-identical for any number of threads, but differ in the last bits from
/// one instruction set to another.
enum class Isa : uint8_t {
  Baseline, // what the rest of the program needs (x86-64-v2 on x86)
  Avx2,     // x86-64-v3: AVX2 and FMA
  Avx512,   // x86-64-v4
};

/// The best instruction set that this processor and this build have.
Isa detectIsa();
/// Whether kernels for `isa` were built and this processor can run them.
bool isaSupported(Isa isa);
/// "baseline", "avx2", "avx512".
std::string_view isaName(Isa isa);
/// The inverse, "auto" giving detectIsa(). An unknown or unsupported name is a
/// usage error that lists what this processor supports.
Result<Isa> parseIsa(std::string_view name);

/// What every computation needs to know about the machine. Converts from a
/// thread pool, so `gemm(pool, x, w, y)` uses the best instruction set.
struct ComputeContext {
  ThreadPool &pool;
  Isa isa;

  ComputeContext(ThreadPool &pool, Isa isa = detectIsa())
      : pool(pool), isa(isa) {}
};

} // namespace qopt

#endif // QOPT_NUMERICS_COMPUTECONTEXT_H
