//===- ModelConfig.cpp - the numbers that shape a model -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Import/ModelConfig.h"

using namespace qopt;

std::vector<WeightRole> ModelConfig::blockRoles() const {
  std::vector<WeightRole> roles;
  for (int i = int(WeightRole::AttentionNorm); i < int(WeightRole::OutputNorm);
       ++i) {
    auto role = WeightRole(i);
    switch (role) {
    case WeightRole::QueryBias:
    case WeightRole::KeyBias:
    case WeightRole::ValueBias:
      if (queryKeyValueBias)
        roles.push_back(role);
      break;
    case WeightRole::AttentionOutputBias:
      if (outputBias)
        roles.push_back(role);
      break;
    case WeightRole::QueryNorm:
    case WeightRole::KeyNorm:
      if (headNorm)
        roles.push_back(role);
      break;
    case WeightRole::GateBias:
    case WeightRole::UpBias:
    case WeightRole::DownBias:
      if (mlpBias)
        roles.push_back(role);
      break;
    default:
      roles.push_back(role);
    }
  }
  return roles;
}

std::vector<int64_t> ModelConfig::shapeOf(WeightRole role) const {
  switch (role) {
  case WeightRole::Embedding:
  case WeightRole::Head:
    return {vocabularySize, hiddenSize};
  case WeightRole::AttentionNorm:
  case WeightRole::FeedForwardNorm:
  case WeightRole::OutputNorm:
  case WeightRole::AttentionOutputBias:
  case WeightRole::DownBias:
    return {hiddenSize};
  case WeightRole::Query:
    return {heads * headDim, hiddenSize};
  case WeightRole::Key:
  case WeightRole::Value:
    return {kvHeads * headDim, hiddenSize};
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
  case WeightRole::GateBias:
  case WeightRole::UpBias:
    return {intermediateSize};
  case WeightRole::Down:
    return {hiddenSize, intermediateSize};
  }
  return {};
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
