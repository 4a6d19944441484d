//===- Linear.h - one linear of a module under test -------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_BENCHMARKS_GPU_LINEAR_H
#define QOPT_BENCHMARKS_GPU_LINEAR_H

#include "Blas.h"
#include "Timing.h"
#include "Weight.h"

#include <memory>
#include <optional>
#include <vector>

/// What verifying found.
struct Verdict {
  double relative = 0;               // mean|y - r| / mean|r|
  double largest = 0;                // max|y - r| / root mean square of r
  unsigned long long notWritten = 0; // still as they were, or not finite
  unsigned long long overrun = 0;    // bytes changed before or after y
  unsigned long long unstable = 0;   // elements that differ in a second launch
  // Of kernels with a workspace: elements that differ in two streams at once.
  unsigned long long differInStreams = 0;
};

/// A weight of random numbers in the layout of a kernel, with its copies and
/// its dense form, and the activations that go with it.
class Linear {
public:
  Linear(const qopt::runtime::KernelRow &row, Timer &timer, Blas &blas);

  /// Runs the kernel `entry` on `m` rows and compares with the reference.
  Verdict verify(QoptCudaModule &module, const std::string &entry, int64_t m);
  /// `name` is a linear or an entry.
  Timing time(QoptCudaModule &module, const std::string &name, int64_t m);
  /// Bytes of weights, x and y that a launch has to move.
  int64_t bytesMoved(int64_t m) const {
    return format.bytes() + 2 * m * (format.k + format.n);
  }

private:
  QoptCudaCall call(QoptCudaModule &module, const std::string &name, int64_t m,
                    int copy) const;

  WeightFormat format;
  Activation type;
  Timer &timer;
  Blas &blas;
  std::vector<Buffer> weights; // copies; the first is made at once
  Buffer dense;                // f32 [n, k], made by the first verify()
  Buffer x, wideX, y, again, reference, counters;
};

/// A dense weight of the same shape, for cuBLAS.
class DenseLinear {
public:
  DenseLinear(int64_t n, int64_t k, Activation type, Timer &timer, Blas &blas);
  Timing time(int64_t m);
  int64_t bytesMoved(int64_t m) const { return 2 * (n * k + m * (k + n)); }

private:
  int64_t n, k;
  Activation type;
  Timer &timer;
  Blas &blas;
  std::vector<Buffer> weights;
  Buffer x, y;
};

#endif // QOPT_BENCHMARKS_GPU_LINEAR_H
