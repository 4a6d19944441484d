//===- Synthetic.h - models of random weights -------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_SYNTHETIC_H
#define QOPT_TOOLS_SYNTHETIC_H

#include "qopt/Support/Error.h"
#include "qopt/Support/Progress.h"
#include "qopt/Support/ThreadPool.h"

#include <string>

namespace qopt {

/// Writes a GGUF file of the llama architecture with random weights, for
/// measurements of speed: `shape` is 42m, 542m or 7b, `type` a GGUF type or a
/// mix of llama-quantize. It has no tokenizer. Usage errors list the shapes and
/// types.
Status writeSynthetic(const std::string &shape, const std::string &type,
                      const std::string &path, bool overwrite, ThreadPool &pool,
                      Progress &progress);

} // namespace qopt

#endif // QOPT_TOOLS_SYNTHETIC_H
