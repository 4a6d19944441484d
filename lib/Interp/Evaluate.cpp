//===- Evaluate.cpp - perplexity and divergence of models -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Interp/Evaluate.h"
#include "qopt/Numerics/ErrorMetrics.h"

#include <cmath>

using namespace qopt;

std::vector<std::vector<int32_t>>
qopt::cutWindows(std::span<const int32_t> tokens, int64_t context,
                 int64_t maxWindows) {
  int64_t count = int64_t(tokens.size()) / context;
  if (maxWindows > 0)
    count = std::min(count, maxWindows);
  std::vector<std::vector<int32_t>> windows;
  for (int64_t i = 0; i < count; ++i) {
    auto window = tokens.subspan(i * context, context);
    windows.emplace_back(window.begin(), window.end());
  }
  return windows;
}

static Status checkOptions(const TokenModel &model,
                           std::span<const int32_t> tokens,
                           const EvaluationOptions &options,
                           const TokenModel *reference) {
  int64_t least = options.protocol == Protocol::Paper ? 2 : 4;
  if (options.context < least)
    return usageError("the context must have at least ", least, " tokens");
  if (int64_t(tokens.size()) < options.context)
    return badInput("the text has ", tokens.size(),
                    " tokens, fewer than one window of ", options.context,
                    "; take a longer text or shorter windows (--ctx)");
  if (reference && reference->vocabularySize() != model.vocabularySize())
    return badInput("the models have different vocabularies, of ",
                    model.vocabularySize(), " and ",
                    reference->vocabularySize(), " tokens");
  for (int32_t token : tokens)
    if (token < 0 || token >= model.vocabularySize())
      return badInput("token ", token, " of the text is outside of the ",
                      model.vocabularySize(), " tokens of the model");
  return {};
}

Result<EvaluationResult> qopt::evaluate(TokenModel &model,
                                        std::span<const int32_t> tokens,
                                        const EvaluationOptions &options,
                                        TokenModel *reference,
                                        Progress &progress) {
  QOPT_CHECK(checkOptions(model, tokens, options, reference));
  int64_t context = options.context;
  auto windows = cutWindows(tokens, context, options.maxWindows);
  // The prediction of row r is token r + 1, so the last row has none.
  int64_t firstRow = 0;
  if (options.protocol == Protocol::LlamaCpp) {
    firstRow = context / 2;
    if (options.bos)
      for (std::vector<int32_t> &window : windows)
        window.front() = *options.bos;
  }
  int64_t rows = context - 1 - firstRow;

  EvaluationResult result;
  std::vector<double> divergences;
  int64_t agreeing = 0;
  ComputeContext compute = model.compute();
  int64_t batch = std::max<int64_t>(1, model.rowsPerBatch() / context);
  progress.begin("evaluating windows", windows.size());
  for (int64_t start = 0; start < int64_t(windows.size()); start += batch) {
    if (progress.stopped())
      return makeError(ErrorKind::Interrupted, "stopped after ", start, " of ",
                       windows.size(), " windows");
    auto part = std::span(windows).subspan(
        start, std::min<int64_t>(batch, windows.size() - start));
    QOPT_ASSIGN(Tensor logits, model.windowLogits(part));
    Tensor expected;
    if (reference) {
      QOPT_ASSIGN(expected, reference->windowLogits(part));
    }
    for (size_t i = 0; i < part.size(); ++i) {
      auto scored = [&](const Tensor &all) {
        return all.matrix().block(i * context + firstRow, 0, rows,
                                  all.columns());
      };
      std::vector<double> losses = negativeLogLikelihoods(
          compute, scored(logits),
          std::span(part[i]).subspan(firstRow + 1, rows));
      result.windowNll.push_back(mean(losses));
      if (!std::isfinite(result.windowNll.back()))
        return badInput("the logits of window ", start + i,
                        " are not numbers: a weight or an activation is NaN "
                        "or infinite");
      if (!reference)
        continue;
      std::vector<double> values =
          klDivergences(compute, scored(expected), scored(logits));
      divergences.insert(divergences.end(), values.begin(), values.end());
      agreeing += countTop1Agreement(compute, scored(expected), scored(logits));
    }
    progress.advance(part.size());
  }
  progress.end();

  result.tokens = rows * int64_t(windows.size());
  result.nll = mean(result.windowNll); // windows are equally long
  result.perplexity = std::exp(result.nll);
  if (reference)
    result.divergence = {mean(divergences), quantile(divergences, 0.99),
                         double(agreeing) / double(result.tokens)};
  return result;
}
