//===- CudaGraph.h - a recorded chain of launches ---------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_RUNTIME_CUDAGRAPH_H
#define QOPT_RUNTIME_CUDAGRAPH_H

#include "CudaModule.h"

struct QoptCudaGraph {
  explicit QoptCudaGraph(const QoptCudaDevice &device) : device(device) {}
  QoptCudaGraph(const QoptCudaGraph &) = delete;
  ~QoptCudaGraph();

  /// Records the launches in their order, on a stream of its own.
  bool record(const QoptCudaCall *calls, size_t count, std::string &error);
  bool replay(QoptCudaStream stream, std::string &error) const;

private:
  const QoptCudaDevice &device;
  qopt::runtime::CudaDriver::Handle executable = nullptr;
};

#endif // QOPT_RUNTIME_CUDAGRAPH_H
