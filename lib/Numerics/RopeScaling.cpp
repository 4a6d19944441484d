//===- RopeScaling.cpp - frequencies of rotary embeddings -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/RopeScaling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace qopt;

/// Llama 3.1: wavelengths beyond originalContext / lowFrequencyFactor are
/// stretched by `factor`, those below originalContext / highFrequencyFactor
/// are kept, and between the two the change is linear in the number of turns
/// that fit into the original context.
static double scaleLlama3(double frequency, const RopeScaling &scaling) {
  const double turns =
      double(scaling.originalContext) * frequency / (2 * std::numbers::pi);
  if (turns < scaling.lowFrequencyFactor)
    return frequency / scaling.factor;
  if (turns > scaling.highFrequencyFactor)
    return frequency;
  const double smooth =
      (turns - scaling.lowFrequencyFactor) /
      (scaling.highFrequencyFactor - scaling.lowFrequencyFactor);
  return (1 - smooth) * frequency / scaling.factor + smooth * frequency;
}

/// YaRN (Peng et al., arXiv 2309.00071, section 3.2): the index of the pair
/// that turns `turns` times in the original context.
static double pairThatTurns(double turns, int64_t dimensions, double base,
                            const RopeScaling &scaling) {
  return double(dimensions) *
         std::log(double(scaling.originalContext) /
                  (turns * 2 * std::numbers::pi)) /
         (2 * std::log(base));
}

/// The share γ of the unscaled frequency of each pair falls from 1 to 0 between
/// the pairs that turn betaFast and betaSlow times, rounded outwards.
static double scaleYarn(double frequency, int64_t pair, int64_t dimensions,
                        double base, const RopeScaling &scaling) {
  const double first = std::max(
      0.,
      std::floor(pairThatTurns(scaling.betaFast, dimensions, base, scaling)));
  double last = std::min(
      double(dimensions - 1),
      std::ceil(pairThatTurns(scaling.betaSlow, dimensions, base, scaling)));
  if (first == last)
    last += 0.001;
  const double divided =
      std::clamp((double(pair) - first) / (last - first), 0., 1.);
  return divided * frequency / scaling.factor + (1 - divided) * frequency;
}

double qopt::yarnMagnitude(double factor) {
  return factor > 1 ? 0.1 * std::log(factor) + 1 : 1;
}

std::vector<float> qopt::ropeFrequencies(int64_t dimensions, double base,
                                         const RopeScaling &scaling,
                                         RopeLength length) {
  const std::vector<double> &factors =
      length == RopeLength::Long ? scaling.longFactors : scaling.shortFactors;
  std::vector<float> result(dimensions / 2);
  for (size_t i = 0; i < result.size(); ++i) {
    double frequency = std::pow(base, -2. * double(i) / double(dimensions));
    switch (scaling.kind) {
    case RopeScaling::Kind::None:
      break;
    case RopeScaling::Kind::Linear:
      frequency /= scaling.factor;
      break;
    case RopeScaling::Kind::Llama3:
      frequency = scaleLlama3(frequency, scaling);
      break;
    case RopeScaling::Kind::Yarn:
      frequency = scaleYarn(frequency, int64_t(i), dimensions, base, scaling);
      break;
    case RopeScaling::Kind::LongRope:
      frequency /= factors[i];
      break;
    }
    result[i] = float(frequency);
  }
  return result;
}
