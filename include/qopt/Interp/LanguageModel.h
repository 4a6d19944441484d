//===- LanguageModel.h - tokens in, logits out -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INTERP_LANGUAGEMODEL_H
#define QOPT_INTERP_LANGUAGEMODEL_H

#include "qopt/Interp/Interpreter.h"
#include "qopt/Interp/TokenModel.h"

namespace qopt {

/// The function that `llm.entry` names; null if the module has none. An error
/// if it is not of the form (tokens, positions, cache) → logits.
Result<mlir::func::FuncOp> findEntry(mlir::ModuleOp module);

/// The entry of a module, ready to run.
class LanguageModel : public TokenModel {
public:
  /// An error if the module has no entry. The interpreter must outlive the
  /// model.
  static Result<LanguageModel> create(Interpreter &interpreter);

  int64_t vocabularySize() const override { return vocabulary; }
  /// `max_position_embeddings` of `llm.config`.
  int64_t contextLength() const override { return context; }

  /// Runs the next counts[i] tokens of each sequence i of the cache. `tokens`
  /// are those of sequence 0, then of sequence 1, …. Logits [tokens, V].
  Result<Tensor> logits(std::vector<int32_t> tokens, KvCache &cache,
                        std::vector<int64_t> counts);

  Result<Tensor>
  windowLogits(std::span<const std::vector<int32_t>> windows) override;
  Result<std::vector<float>> append(std::span<const int32_t> tokens) override;
  void restart() override { sequence = KvCache(); }
  ComputeContext compute() override { return runner->services().compute(); }

  Interpreter &interpreter() { return *runner; }

private:
  Interpreter *runner = nullptr;
  const Program *program = nullptr;
  int64_t vocabulary = 0, context = 0;
  KvCache sequence;
};

} // namespace qopt

#endif // QOPT_INTERP_LANGUAGEMODEL_H
