//===- PeakFma.h - the processor's multiply-add rate ------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_BENCHMARKS_PEAKFMA_H
#define QOPT_BENCHMARKS_PEAKFMA_H

#include "qopt/Numerics/ComputeContext.h"

namespace qopt {

/// f32 operations per second (a fused multiply-add counts as two) of a loop
/// that works in registers only, on every thread of the pool at once: the best
/// of several short runs. f64 reaches half of it.
double peakFlops(ThreadPool &pool);

} // namespace qopt

#endif // QOPT_BENCHMARKS_PEAKFMA_H
