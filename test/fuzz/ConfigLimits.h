//===- ConfigLimits.h - what holds for accepted configurations --*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TEST_FUZZ_CONFIGLIMITS_H
#define QOPT_TEST_FUZZ_CONFIGLIMITS_H

#include "Fuzz.h"
#include "qopt/Import/ModelConfig.h"

namespace qopt::fuzz {

/// The numbers of an accepted configuration are within the limits that
/// everything behind it relies on.
inline void requireLimits(const ModelConfig &config) {
  auto within = [](int64_t value, CountRange range) {
    return value >= range.least && value <= range.most;
  };
  require(config.architecture != nullptr, "the architecture is known");
  require(within(config.layers, limits::layers) &&
              within(config.heads, limits::heads) &&
              within(config.kvHeads, limits::heads) &&
              within(config.headDim, limits::headDim) &&
              within(config.hiddenSize, limits::hiddenSize) &&
              within(config.intermediateSize, limits::intermediateSize) &&
              within(config.vocabularySize, limits::vocabularySize) &&
              within(config.maxPositions, limits::positions),
          "counts are within their limits");
  require(config.heads % config.kvHeads == 0, "heads divide");
  require(config.windowed.empty() ||
              config.windowed.size() == size_t(config.layers),
          "there is one kind of attention per layer");
  for (int64_t layer = 0; layer < config.layers; ++layer)
    if (auto window = config.windowOf(layer))
      require(*window > 0, "windows are positive");
  int64_t rotated = config.rotatedChannels();
  require(rotated >= 2 && rotated % 2 == 0 && rotated <= config.headDim,
          "pairs of channels are rotated");
  if (config.ropeScaling.kind == RopeScaling::Kind::LongRope)
    require(int64_t(config.ropeScaling.longFactors.size()) == rotated / 2 &&
                int64_t(config.ropeScaling.shortFactors.size()) == rotated / 2,
            "each pair has its divisors");
  require(config.attentionScale() > 0, "scores are scaled");
  if (config.architecture->hasExperts())
    require(within(config.experts, limits::experts) &&
                within(config.expertsPerToken, {1, config.experts}) &&
                within(config.expertSize, limits::intermediateSize),
            "tokens go to experts that exist");
  for (WeightRole role : config.blockRoles())
    for (int64_t extent : config.shapeOf(role))
      require(extent > 0, "weights have elements");
}

} // namespace qopt::fuzz

#endif // QOPT_TEST_FUZZ_CONFIGLIMITS_H
