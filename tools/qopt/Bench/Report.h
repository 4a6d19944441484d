//===- Report.h - what a benchmark of a model says --------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_BENCH_REPORT_H
#define QOPT_TOOLS_BENCH_REPORT_H

#include "qopt/Support/Error.h"

#include <string>
#include <vector>

namespace qopt {

struct KernelTime {
  std::string name;
  int64_t calls = 0;
  double seconds = 0, bytes = 0;
};

/// What the description of a model says about its work.
struct Work {
  double bytesPerToken = 0, operationsPerToken = 0;
  std::vector<std::string> steps;
  std::vector<double> stepBytes;

  static Result<Work> read(const std::string &description);
  /// Sums up the times of the steps of each kernel, the longest first.
  std::vector<KernelTime> kernelTimes(const std::vector<double> &seconds) const;
};

/// One line of results.
struct Speed {
  std::string name; // "decode", "prefill 256"
  double tokensPerSecond = 0;
  int kept = 0, taken = 0;
  bool quiet = true;
  std::vector<KernelTime> kernels;
};

struct BenchReport {
  std::string model;
  int64_t threads = 0;
  double weightBytes = 0, compileSeconds = 0, loadSeconds = 0;
  Work work;
  double bandwidth = 0, peakFlops = 0, peakByteOps = 0;
  std::vector<Speed> speeds;
  double peakMemory = 0;

  void printText() const;
  void printJson() const;

private:
  double bandwidthOf(const Speed &speed) const {
    return speed.tokensPerSecond * work.bytesPerToken;
  }
  double operationsOf(const Speed &speed) const {
    return speed.tokensPerSecond * work.operationsPerToken;
  }
};

} // namespace qopt

#endif // QOPT_TOOLS_BENCH_REPORT_H
