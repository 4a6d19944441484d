//===- RopeScaling.cpp - frequencies of rotary embeddings -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/RopeScaling.h"

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

std::vector<float> qopt::ropeFrequencies(int64_t dimensions, double base,
                                         const RopeScaling &scaling) {
  std::vector<float> result(dimensions / 2);
  for (size_t i = 0; i < result.size(); ++i) {
    double frequency = std::pow(base, -2. * double(i) / double(dimensions));
    if (scaling.kind == RopeScaling::Kind::Linear)
      frequency /= scaling.factor;
    else if (scaling.kind == RopeScaling::Kind::Llama3)
      frequency = scaleLlama3(frequency, scaling);
    result[i] = float(frequency);
  }
  return result;
}
