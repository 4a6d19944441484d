//===- Session.h - a model behind the C interface ---------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_RUNTIME_CPU_SESSION_H
#define QOPT_RUNTIME_CPU_SESSION_H

#include "../Archive.h"
#include "CpuModel.h"
#include "qopt_rt.h"

#include "qopt/Numerics/Sampler.h"

struct QoptRt {
  qopt::runtime::Archive archive;
  std::unique_ptr<qopt::runtime::CpuModel> model;
  std::string description;
  std::vector<float> logits;
  qopt::Random random{0};
};

namespace qopt::runtime {

/// qopt_rt_open for given code; `directory` is where the archive of the
/// description lies.
int openSession(QoptRtForward forward, const char *description,
                const std::string &directory, const char *weights,
                const QoptRtOptions *options, QoptRt **model, char *error,
                size_t errorSize);

} // namespace qopt::runtime

#endif // QOPT_RUNTIME_CPU_SESSION_H
