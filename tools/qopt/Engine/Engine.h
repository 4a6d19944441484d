//===- Engine.h - what computes the logits of a model -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_ENGINE_H
#define QOPT_TOOLS_ENGINE_H

#include "Model.h"

#include "qopt/Interp/LanguageModel.h"

namespace qopt {

/// In what a compiled model keeps keys and values: --kv-cache.
struct CacheOption {
  size_t kind = 0; // f16, int8

  void declare(Arguments &arguments);
  /// QOPT_RT_CACHE_*.
  int32_t runtimeType(bool exact) const;
};

/// How a verb computes: --engine, --exact, --no-repack, --cpu.
struct EngineOptions {
  enum Kind : size_t {
    Auto,       // compiled where all ops are covered, else interpreted
    Compiled,   // an error where not
    Interpreter // the reference, in f32
  };
  size_t kind = Auto;
  /// f32 activations and cache.
  bool exact = false;
  /// GGUF blocks stay where they lie in their file.
  bool noRepack = false;
  CacheOption cache;
  std::string cpu = "host";

  void declare(Arguments &arguments, Kind usual);
};

/// A model that computes logits, with all that it needs to live. For a
/// compiled file there is no module.
struct OpenedModel {
  Model model;
  std::unique_ptr<Interpreter> interpreter;
  std::unique_ptr<TokenModel> language;
  /// Where the tokenizer of a compiled file is.
  std::string tokenizerPath;

  Result<Tokenizer> tokenizer();
};

/// Opens a model as openModel does, or a file that `qopt compile` wrote.
Result<OpenedModel> openForUse(const std::string &path,
                               const MachineOptions &machine,
                               const EngineOptions &engine, Progress &progress);

/// Whether the path names a file that `qopt compile` wrote.
bool isCompiledFile(const std::string &path);
/// The file of weights that `qopt compile` writes beside it.
std::string compiledWeightsPath(const std::string &path);

/// Where code is kept that was compiled for a model: $QOPT_CACHE_DIR, or qopt
/// in the user's directory of caches; empty if that is empty or there is none.
std::string codeCacheDirectory();

/// libqopt_rt.a of this installation.
std::string runtimeArchivePath();

} // namespace qopt

#endif // QOPT_TOOLS_ENGINE_H
