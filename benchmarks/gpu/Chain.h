//===- Chain.h - layers that read what the one before wrote -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// From sm_90 on a kernel begins while the kernel before it still runs. Whether
// it waits where it must can only be seen if its x is the y of that kernel, and
// its y overwrites the x of that kernel: x[i + 1] = y[i], in two buffers in
// turn. The same calls one at a time, with a wait after each, are the
// reference. So a chain is of one square linear, or of N x K and K x N in turn,
// as of an MLP.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_BENCHMARKS_GPU_CHAIN_H
#define QOPT_BENCHMARKS_GPU_CHAIN_H

#include "Weight.h"

struct ChainVerdict {
  int64_t layers = 0;
  double magnitude = 0; // mean|y| of the last layer
  // Outputs of the last two layers that differ from those one at a time, over
  // all repetitions: launched into a stream at once, and as one graph.
  unsigned long long differInStream = 0, differInGraph = 0;
};

/// Kernels of one linear.
struct ChainLinear {
  QoptCudaModule *module = nullptr;
  std::vector<std::string> entries;
};

/// Chains kernels so that each follows each whose y can be its x: of one square
/// linear (n = k), itself included, or of two linears, n x k and k x n. Throws
/// std::runtime_error.
ChainVerdict runChain(QoptCudaDevice *device,
                      const std::vector<ChainLinear> &linears, int64_t m,
                      cudaStream_t stream);

#endif // QOPT_BENCHMARKS_GPU_CHAIN_H
