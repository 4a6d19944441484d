//===- ArchiveCheck.h - weights that the compiler packed --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_BENCHMARKS_GPU_ARCHIVECHECK_H
#define QOPT_BENCHMARKS_GPU_ARCHIVECHECK_H

#include "qopt_cuda.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// The path of a user, by the C interface of the runtime alone: weights from
/// the archive that lower-to-nvptx wrote, launches, and the same launches as
/// one graph.
struct ArchiveCheck {
  std::string weights; // the archive
  std::string values;  // for each symbol: .x, f16 [rows, K]; .y, f32 [rows, N]
  int32_t rows = 0;
  std::vector<std::pair<std::string, std::string>> calls; // symbol, linear

  struct Result {
    double relative = 0;    // the worst mean|y - r| / mean|r| of a linear
    uint64_t different = 0; // elements of y that the graph computes otherwise
  };
  /// Throws std::runtime_error.
  Result run(QoptCudaDevice *device, QoptCudaModule *module) const;
};

#endif // QOPT_BENCHMARKS_GPU_ARCHIVECHECK_H
