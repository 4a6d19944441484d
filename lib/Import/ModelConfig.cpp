//===- ModelConfig.cpp - the numbers that shape a model -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Import/ModelConfig.h"

#include <cmath>

using namespace qopt;

double ModelConfig::attentionScale() const {
  return 1 / std::sqrt(attentionScalar.value_or(double(headDim)));
}

/// Whether the blocks of a model have a weight.
static bool hasRole(const ModelConfig &config, WeightRole role) {
  const Architecture &family = *config.architecture;
  switch (role) {
  case WeightRole::Query:
  case WeightRole::Key:
  case WeightRole::Value:
    return !family.fusedProjections;
  case WeightRole::QueryKeyValue:
    return family.fusedProjections;
  case WeightRole::QueryBias:
  case WeightRole::KeyBias:
  case WeightRole::ValueBias:
    return config.queryKeyValueBias;
  case WeightRole::AttentionOutputBias:
    return config.outputBias;
  case WeightRole::QueryNorm:
  case WeightRole::KeyNorm:
    return family.headNorm;
  case WeightRole::PostAttentionNorm:
  case WeightRole::PostFeedForwardNorm:
    return family.postNorms;
  case WeightRole::Gate:
  case WeightRole::Up:
    return !family.fusedProjections && !family.hasExperts();
  case WeightRole::GateUp:
    return family.fusedProjections && !family.hasExperts();
  case WeightRole::Down:
    return !family.hasExperts();
  case WeightRole::GateBias:
  case WeightRole::UpBias:
  case WeightRole::DownBias:
    return config.mlpBias;
  case WeightRole::Router:
  case WeightRole::ExpertGate:
  case WeightRole::ExpertUp:
  case WeightRole::ExpertDown:
    return family.hasExperts();
  default:
    return weightNames(role).scope != WeightNames::Scope::Model;
  }
}

std::vector<WeightRole> ModelConfig::blockRoles() const {
  std::vector<WeightRole> roles;
  for (int i = int(WeightRole::AttentionNorm); i < int(WeightRole::OutputNorm);
       ++i)
    if (hasRole(*this, WeightRole(i)))
      roles.push_back(WeightRole(i));
  return roles;
}

std::vector<int64_t> ModelConfig::shapeOf(WeightRole role) const {
  switch (role) {
  case WeightRole::Embedding:
  case WeightRole::Head:
    return {vocabularySize, hiddenSize};
  case WeightRole::AttentionNorm:
  case WeightRole::PostAttentionNorm:
  case WeightRole::FeedForwardNorm:
  case WeightRole::PostFeedForwardNorm:
  case WeightRole::OutputNorm:
  case WeightRole::AttentionOutputBias:
  case WeightRole::DownBias:
    return {hiddenSize};
  case WeightRole::Query:
    return {heads * headDim, hiddenSize};
  case WeightRole::Key:
  case WeightRole::Value:
    return {kvHeads * headDim, hiddenSize};
  case WeightRole::QueryKeyValue:
    return {(heads + 2 * kvHeads) * headDim, hiddenSize};
  case WeightRole::AttentionOutput:
    return {hiddenSize, heads * headDim};
  case WeightRole::QueryBias:
    return {heads * headDim};
  case WeightRole::KeyBias:
  case WeightRole::ValueBias:
    return {kvHeads * headDim};
  case WeightRole::QueryNorm:
  case WeightRole::KeyNorm:
    return {headDim};
  case WeightRole::Gate:
  case WeightRole::Up:
    return {intermediateSize, hiddenSize};
  case WeightRole::GateUp:
    return {2 * intermediateSize, hiddenSize};
  case WeightRole::GateBias:
  case WeightRole::UpBias:
    return {intermediateSize};
  case WeightRole::Down:
    return {hiddenSize, intermediateSize};
  case WeightRole::Router:
    return {experts, hiddenSize};
  case WeightRole::ExpertGate:
  case WeightRole::ExpertUp:
    return {expertSize, hiddenSize};
  case WeightRole::ExpertDown:
    return {hiddenSize, expertSize};
  }
  return {};
}

std::vector<bool> qopt::alternatingWindows(int64_t layers, int64_t period) {
  std::vector<bool> windowed(layers, true);
  for (int64_t layer = period - 1; layer < layers; layer += period)
    windowed[layer] = false;
  return windowed;
}

std::optional<int64_t> qopt::windowPeriod(const ModelConfig &config) {
  std::vector<bool> windowed = config.windowed;
  windowed.resize(config.layers, true);
  auto fits = [&](int64_t period) {
    return alternatingWindows(config.layers, period) == windowed;
  };
  if (int64_t usual = config.architecture->windowPeriod;
      usual > 0 && fits(usual))
    return usual;
  for (int64_t period = 1; period <= config.layers + 1; ++period)
    if (fits(period))
      return period;
  return std::nullopt;
}

double qopt::ggufAttentionScalar(const ModelConfig &config) {
  bool wide = config.layers == config.architecture->ggufWideScaleLayers;
  return double(wide ? config.hiddenSize / config.heads : config.headDim);
}

Status qopt::checkStructure(const ModelConfig &config, const std::string &file,
                            const ConfigKeys &keys) {
  if (config.heads % config.kvHeads != 0)
    return badInput(file, ": ", keys.heads, ": ", config.heads,
                    " heads cannot share ", config.kvHeads,
                    " key and value heads (", keys.kvHeads, ")");
  // It may follow from other numbers, which were checked one by one.
  if (config.headDim < limits::headDim.least ||
      config.headDim > limits::headDim.most)
    return badInput(file, ": ", keys.headDim, ": heads must have ",
                    limits::headDim.least, " to ", limits::headDim.most,
                    " channels, not ", config.headDim);
  if (config.headDim % 2 != 0)
    return badInput(file, ": ", keys.headDim, ": heads of ", config.headDim,
                    " channels cannot be rotated in pairs");
  return {};
}

Status qopt::checkRotation(const ModelConfig &config, const std::string &file,
                           std::string_view key) {
  int64_t rotated = config.rotatedChannels();
  if (rotated < 2 || rotated % 2 != 0 || rotated > config.headDim)
    return badInput(file, ": ", key, ": ", rotated, " of ", config.headDim,
                    " channels cannot be rotated in pairs");
  for (const std::vector<double> *factors :
       {&config.ropeScaling.shortFactors, &config.ropeScaling.longFactors})
    if (config.ropeScaling.kind == RopeScaling::Kind::LongRope &&
        int64_t(factors->size()) != rotated / 2)
      return badInput(file, ": ", factors->size(),
                      " divisors of rotary frequencies for ", rotated / 2,
                      " pairs of channels");
  return {};
}
