//===- Subject.h - a model under test ---------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_BENCH_SUBJECT_H
#define QOPT_TOOLS_BENCH_SUBJECT_H

#include "Bench/Options.h"
#include "Engine/JitModel.h"

#include "qopt/IO/MappedFile.h"

namespace qopt {

/// A model under test, compiled in memory or from a file.
struct BenchSubject {
  Model model;
  std::unique_ptr<TokenModel> language;
  JitModel *jit = nullptr; // `language`, or null for files
  std::string description; // see runtime/lib/Cpu/CompiledModel.h
  std::vector<ByteSpan> weights;
  std::shared_ptr<const MappedFile> archive;

  static Result<BenchSubject> open(const std::string &path,
                                   const BenchOptions &options,
                                   Progress &progress);
};

} // namespace qopt

#endif // QOPT_TOOLS_BENCH_SUBJECT_H
