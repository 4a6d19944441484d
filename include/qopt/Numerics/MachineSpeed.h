//===- MachineSpeed.h - limits of processor and memory ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The limits that measured speeds are compared with, measured in the same run
// on all threads of a pool at once.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_MACHINESPEED_H
#define QOPT_NUMERICS_MACHINESPEED_H

#include "qopt/Numerics/ComputeContext.h"

#include <span>

namespace qopt {

/// f32 operations per second (a fused multiply-add counts as two) of `runs`
/// loops of some milliseconds that work in registers only: the best of them.
/// f64 reaches half of it.
double peakFlops(ThreadPool &pool, int runs = 7);

/// The same for products of bytes that are added up in 32 bits (vpdpbusd), a
/// product and a sum counting as two; 0 where there is no such instruction.
double peakByteOps(ThreadPool &pool, int runs = 7);

/// Bytes per second of one pass over all spans from first to last, cut evenly
/// among the threads.
double readBandwidth(ThreadPool &pool,
                     std::span<const std::span<const uint8_t>> memory);

} // namespace qopt

#endif // QOPT_NUMERICS_MACHINESPEED_H
