//===- Timing.h - how long a launch takes -----------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_BENCHMARKS_GPU_TIMING_H
#define QOPT_BENCHMARKS_GPU_TIMING_H

#include "Device.h"

#include <functional>

struct Timing {
  double single = 0;   // µs of one launch, between two events, L2 flushed
  double sequence = 0; // µs per launch in a CUDA graph of many
};

class Timer {
public:
  explicit Timer(int64_t l2Bytes);
  ~Timer();
  cudaStream_t stream() const { return queue; }

  /// How many copies of `bytes` of weights a sequence must go through so that
  /// each launch finds its own evicted from L2: four times L2 between two uses.
  int copiesFor(int64_t bytes) const;

  /// Medians of repeated launches. `launch(copy)` puts one launch into the
  /// stream that uses copy number `copy` < copies of the weights.
  Timing measure(int copies, const std::function<void(int copy)> &launch);

  /// GB/s of a copy from device to device, bytes read and written; and of
  /// reading alone.
  double copyBandwidth();
  double readBandwidth();

private:
  void warmUp();
  /// µs between two events around `body`.
  double between(const std::function<void()> &body);

  int64_t l2Bytes;
  Buffer flush;
  cudaStream_t queue = nullptr;
};

#endif // QOPT_BENCHMARKS_GPU_TIMING_H
