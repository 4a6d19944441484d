//===- Subject.cpp - a model under test -----------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Bench/Subject.h"
#include "Engine/FileModel.h"

using namespace qopt;

Result<BenchSubject> BenchSubject::open(const std::string &path,
                                        const BenchOptions &options,
                                        Progress &progress) {
  BenchSubject subject;
  if (isCompiledFile(path)) {
    QoptRtOptions runtime = {};
    runtime.threads = int32_t(options.machine.threads);
    runtime.cache = options.cache.runtimeType(options.exact);
    QOPT_ASSIGN(auto file, FileModel::open(path, runtime));
    subject.description = file->description();
    subject.language = std::move(file);
    QOPT_ASSIGN(subject.archive, MappedFile::open(compiledWeightsPath(path)));
    subject.weights = {subject.archive->bytes()};
  } else {
    QOPT_ASSIGN(subject.model, openModel(path, options.machine, progress));
    JitModel::Options jit;
    jit.cpu = options.cpu;
    jit.exact = options.exact;
    jit.repack = !options.noRepack;
    jit.cache = options.cache.runtimeType(options.exact);
    jit.profile = true;
    jit.threads = options.machine.threads;
    QOPT_ASSIGN(auto compiled,
                JitModel::create(*subject.model.module, *subject.model.services,
                                 jit, progress));
    for (const std::string &each : compiled->decoded())
      progress.note("linears that are decoded to f32, for lack of a kernel: " +
                    each);
    subject.jit = compiled.get();
    subject.description = compiled->description();
    subject.weights = compiled->weightBytes();
    subject.language = std::move(compiled);
  }
  return subject;
}
