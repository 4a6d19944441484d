//===- Evaluate.h - perplexity and divergence of models -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INTERP_EVALUATE_H
#define QOPT_INTERP_EVALUATE_H

#include "qopt/Interp/TokenModel.h"
#include "qopt/Support/Progress.h"

#include <optional>

namespace qopt {

/// Which windows are cut and which predictions count.
enum class Protocol : uint8_t {
  Paper,    // consecutive windows; all ctx − 1 predictions of each
  LlamaCpp, // the first token of every window becomes BOS, and only the
            // predictions made in its second half count, as in
            // llama-perplexity
};

struct EvaluationOptions {
  Protocol protocol = Protocol::Paper;
  int64_t context = 256;      // tokens per window
  int64_t maxWindows = 0;     // 0: all
  std::optional<int32_t> bos; // LlamaCpp: start of every window
};

struct EvaluationResult {
  int64_t tokens = 0; // predictions that count
  double nll = 0;     // mean, natural logarithm
  double perplexity = 0;
  std::vector<double> windowNll;
  /// Against a reference P: KL(P‖Q) over the same predictions, and how often
  /// the likeliest token is the same.
  struct Divergence {
    double mean = 0, p99 = 0, top1 = 0;
  };
  std::optional<Divergence> divergence;
};

/// Evaluates a model on the tokens of a text, and against `reference` if that
/// is not null. Memory: the logits of one batch. Usage errors: a context below
/// 2, fewer tokens than one window; BadInput: vocabularies that differ, tokens
/// outside of them, logits that are not numbers.
Result<EvaluationResult> evaluate(TokenModel &model,
                                  std::span<const int32_t> tokens,
                                  const EvaluationOptions &options,
                                  TokenModel *reference, Progress &progress);

/// Consecutive windows of `context` tokens, at most `maxWindows` (0: all).
std::vector<std::vector<int32_t>> cutWindows(std::span<const int32_t> tokens,
                                             int64_t context,
                                             int64_t maxWindows);

} // namespace qopt

#endif // QOPT_INTERP_EVALUATE_H
