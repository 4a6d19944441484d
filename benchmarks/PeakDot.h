//===- PeakDot.h - the processor's rate of byte products --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_BENCHMARKS_PEAKDOT_H
#define QOPT_BENCHMARKS_PEAKDOT_H

#include "qopt/Support/ThreadPool.h"

namespace qopt {

/// Seconds since some time.
using Clock = double (*)();
double wallClock();
/// Those that the calling thread ran: for one thread of a busy machine.
double threadClock();

/// Operations per second (a product and its addition count as two) of a loop of
/// byte products in registers, on every thread of the pool at once: vpdpbusd
/// where the processor has it, else vpmaddubsw and vpmaddwd.
double peakDots(ThreadPool &pool, Clock clock);

} // namespace qopt

#endif // QOPT_BENCHMARKS_PEAKDOT_H
