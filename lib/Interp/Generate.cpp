//===- Generate.cpp - text from a model -----------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Interp/Generate.h"

using namespace qopt;

Status qopt::generate(TokenModel &model, std::span<const int32_t> prompt,
                      int64_t count, const SamplerOptions &sampling,
                      const std::function<bool(int32_t)> &accept) {
  if (prompt.empty())
    return badInput("the prompt has no tokens");
  int64_t limit = model.contextLength();
  if (limit > 0 && int64_t(prompt.size()) > limit)
    return badInput("the prompt has ", prompt.size(),
                    " tokens, but the context of the model ", limit);
  Sampler sampler(sampling);
  std::vector<int32_t> tokens(prompt.begin(), prompt.end());
  int64_t length = 0;
  for (int64_t i = 0; i < count; ++i) {
    length += tokens.size();
    if ((limit > 0 && length > limit) || interrupted())
      break;
    QOPT_ASSIGN(std::vector<float> logits, model.append(tokens));
    int32_t token = sampler.sample(logits);
    if (!accept(token))
      break;
    tokens = {token};
  }
  return {};
}

Result<std::vector<std::vector<int32_t>>>
qopt::sampleWindows(LanguageModel &model, int32_t bos, int64_t count,
                    int64_t length, uint64_t seed, Progress &progress) {
  // Every window has a sampler of its own, so windows do not depend on how
  // many there are.
  Random seeds(seed);
  std::vector<Sampler> samplers;
  samplers.reserve(count);
  for (int64_t i = 0; i < count; ++i)
    samplers.emplace_back(SamplerOptions{1.0, 1.0, seeds.next()});
  std::vector<std::vector<int32_t>> windows(count, {bos});
  KvCache cache(count);
  std::vector<int32_t> tokens(count, bos);
  ThreadPool &pool = model.interpreter().services().compute().pool;
  progress.begin("sampling calibration text", length - 1);
  for (int64_t position = 1; position < length; ++position) {
    if (progress.stopped())
      return makeError(ErrorKind::Interrupted,
                       "stopped while sampling calibration text");
    QOPT_ASSIGN(Tensor logits,
                model.logits(tokens, cache, std::vector<int64_t>(count, 1)));
    pool.parallelFor(count, [&](int64_t i) {
      tokens[i] = samplers[i].sample(logits.row(i));
      windows[i].push_back(tokens[i]);
    });
    progress.advance();
  }
  progress.end();
  return windows;
}
