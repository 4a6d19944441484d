//===- Options.h - the flags of qopt bench ----------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_BENCH_OPTIONS_H
#define QOPT_TOOLS_BENCH_OPTIONS_H

#include "Engine/Engine.h"

namespace qopt {

/// What the user asked for.
struct BenchOptions {
  std::string model, synthetic; // one of the two
  std::string type = "q4_k_m", save, cpu = "host";
  std::vector<int64_t> prompts; // empty: what is usual and fits the context
  int64_t generate = 32, samples = 5;
  CacheOption cache;
  bool exact = false, noRepack = false, json = false, overwrite = false;
  double seconds = 20;
  MachineOptions machine;

  /// Usage errors name the flag. False if help was printed instead.
  Result<bool> parse(std::span<char *> words);

  /// Settles what depends on the context of the model. A usage error if a
  /// prompt is longer.
  Status fitContext(int64_t context);
};

} // namespace qopt

#endif // QOPT_TOOLS_BENCH_OPTIONS_H
