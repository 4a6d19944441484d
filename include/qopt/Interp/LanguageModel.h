//===- LanguageModel.h - tokens in, logits out -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INTERP_LANGUAGEMODEL_H
#define QOPT_INTERP_LANGUAGEMODEL_H

#include "qopt/Interp/Interpreter.h"

namespace qopt {

/// The entry of a module (`llm.entry`), ready to run.
class LanguageModel {
public:
  /// An error if the module has no entry (tokens, pos, cache) → logits.
  static Result<LanguageModel> create(Interpreter &interpreter);

  /// V, the length of a row of logits.
  int64_t vocabularySize() const { return vocabulary; }
  /// `context` of the configuration; 0 if it does not say.
  int64_t contextLength() const { return context; }

  /// Runs the next counts[i] tokens of each sequence i of the cache. `tokens`
  /// are those of sequence 0, then of sequence 1, …. Logits [tokens, V].
  Result<Tensor> logits(std::vector<int32_t> tokens, KvCache &cache,
                        std::vector<int64_t> counts);

  Interpreter &interpreter() { return *runner; }

private:
  Interpreter *runner = nullptr;
  const Program *program = nullptr;
  int64_t vocabulary = 0, context = 0;
};

/// Logits are kept for at most this many bytes at once.
int64_t rowsPerBatch(const LanguageModel &model);

} // namespace qopt

#endif // QOPT_INTERP_LANGUAGEMODEL_H
