//===- ComputeContext.h - threads and instruction set -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_COMPUTECONTEXT_H
#define QOPT_NUMERICS_COMPUTECONTEXT_H

#include "qopt/Support/Isa.h"
#include "qopt/Support/ThreadPool.h"

namespace qopt {

/// What every computation needs to know about the machine. Converts from a
/// thread pool, so `gemm(pool, x, w, y)` uses the best instruction set. Results
/// of the dense kernels are bit-identical for any number of threads, but differ
/// in the last bits from one instruction set to another.
struct ComputeContext {
  ThreadPool &pool;
  Isa isa;

  ComputeContext(ThreadPool &pool, Isa isa = detectIsa())
      : pool(pool), isa(isa) {}
};

} // namespace qopt

#endif // QOPT_NUMERICS_COMPUTECONTEXT_H
