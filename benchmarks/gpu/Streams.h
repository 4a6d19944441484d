//===- Streams.h - a kernel in two streams at once --------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A kernel with a workspace is right in one stream also if its sums or flags
// lie where another stream's launches have theirs, too. So two streams run it
// at the same time, each on an x of its own.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_BENCHMARKS_GPU_STREAMS_H
#define QOPT_BENCHMARKS_GPU_STREAMS_H

#include "Weight.h"

/// Outputs that differ from those of the same calls alone, over several
/// launches in each stream. Both begin after what lies in `stream`.
unsigned long long
countDifferentInTwoStreams(QoptCudaModule &module, const std::string &entry,
                           const WeightFormat &format, const Buffer &weight,
                           Activation type, int64_t m, cudaStream_t stream);

#endif // QOPT_BENCHMARKS_GPU_STREAMS_H
