//===- Generate.h - text from a model -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INTERP_GENERATE_H
#define QOPT_INTERP_GENERATE_H

#include "qopt/Interp/LanguageModel.h"
#include "qopt/Numerics/Sampler.h"

namespace qopt {

/// Appends a prompt of at least one token to the sequence of the model, and
/// continues it by at most `count` tokens, or until
/// the context of the model is full. Every token is given to `accept` as it
/// comes, which ends the generation by returning false.
Status generate(TokenModel &model, std::span<const int32_t> prompt,
                int64_t count, const SamplerOptions &sampling,
                const std::function<bool(int32_t)> &accept);

/// Text that the model writes itself, for calibration without data: `count`
/// windows of `length` tokens that start with `bos`, sampled together at
/// temperature 1.
Result<std::vector<std::vector<int32_t>>>
sampleWindows(LanguageModel &model, int32_t bos, int64_t count, int64_t length,
              uint64_t seed, Progress &progress);

} // namespace qopt

#endif // QOPT_INTERP_GENERATE_H
