//===- Sampler.h - choosing the next token ----------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_SAMPLER_H
#define QOPT_NUMERICS_SAMPLER_H

#include "qopt/Numerics/Random.h"

#include <cstdint>
#include <span>

namespace qopt {

struct SamplerOptions {
  double temperature = 0; // 0: greedy
  double topP = 1;        // keep the likeliest tokens that reach this mass
  uint64_t seed = 0;
};

/// Draws tokens; the sequence depends on options and logits only.
class Sampler {
public:
  explicit Sampler(const SamplerOptions &options)
      : options(options), random(options.seed) {}

  /// The next token for a row of logits. Greedy takes the first of equals.
  int32_t sample(std::span<const float> logits);

private:
  SamplerOptions options;
  Random random;
};

/// One token for a row of logits, with the random numbers of the caller.
int32_t sampleToken(std::span<const float> logits, double temperature,
                    double topP, Random &random);

} // namespace qopt

#endif // QOPT_NUMERICS_SAMPLER_H
