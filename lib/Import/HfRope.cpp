//===- HfRope.cpp - the rotary embedding in config.json -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "HfKeys.h"

#include <cmath>

using namespace qopt;
using namespace qopt::detail;

//===----------------------------------------------------------------------===//
// Scalings
//===----------------------------------------------------------------------===//

static Result<RopeScaling> readLinear(JsonValue scaling) {
  RopeScaling result;
  result.kind = RopeScaling::Kind::Linear;
  QOPT_ASSIGN(result.factor,
              readPositive(scaling, "factor", limits::mostRopeFactor));
  return result;
}

static Result<RopeScaling> readLlama3(JsonValue scaling) {
  RopeScaling result;
  result.kind = RopeScaling::Kind::Llama3;
  QOPT_ASSIGN(result.factor,
              readPositive(scaling, "factor", limits::mostRopeFactor));
  QOPT_ASSIGN(result.lowFrequencyFactor,
              readPositive(scaling, "low_freq_factor", limits::mostRopeFactor));
  QOPT_ASSIGN(
      result.highFrequencyFactor,
      readPositive(scaling, "high_freq_factor", limits::mostRopeFactor));
  if (result.lowFrequencyFactor >= result.highFrequencyFactor)
    return member(scaling, "low_freq_factor")
        .error("must be less than high_freq_factor");
  QOPT_ASSIGN(result.originalContext,
              readCount(scaling, "original_max_position_embeddings",
                        limits::positions));
  return result;
}

/// The context before it was stretched: beside the scaling, or at the root.
static Result<int64_t> readOriginalContext(JsonValue root, JsonValue scaling,
                                           const ModelConfig &config) {
  constexpr std::string_view key = "original_max_position_embeddings";
  return readCount(scaling.find(key) ? scaling : root, key, limits::positions,
                   config.maxPositions);
}

static Result<RopeScaling> readYarn(JsonValue root, JsonValue scaling,
                                    const ModelConfig &config) {
  RopeScaling result;
  result.kind = RopeScaling::Kind::Yarn;
  QOPT_ASSIGN(result.factor,
              readPositive(scaling, "factor", limits::mostRopeFactor));
  QOPT_ASSIGN(result.betaFast,
              readPositive(scaling, "beta_fast", limits::mostRopeFactor, 32));
  QOPT_ASSIGN(result.betaSlow,
              readPositive(scaling, "beta_slow", limits::mostRopeFactor, 1));
  if (result.betaSlow >= result.betaFast)
    return member(scaling, "beta_slow").error("must be less than beta_fast");
  QOPT_ASSIGN(result.originalContext,
              readOriginalContext(root, scaling, config));
  QOPT_ASSIGN(result.magnitude,
              readPositive(scaling, "attention_factor", limits::mostRopeFactor,
                           yarnMagnitude(result.factor)));
  for (std::string_view key : {"mscale", "mscale_all_dim"})
    if (auto value = scaling.find(key))
      return value->error("is not supported");
  QOPT_ASSIGN(bool truncate, scaling.getBool("truncate", true));
  if (!truncate)
    return member(scaling, "truncate").error("must be true");
  return result;
}

static Result<std::vector<double>> readDivisors(JsonValue scaling,
                                                std::string_view key) {
  QOPT_ASSIGN(JsonValue list, scaling.getArray(key));
  std::vector<double> divisors;
  for (size_t i = 0; i < list.size(); ++i) {
    QOPT_ASSIGN(double divisor, list[i].asDouble());
    if (!(divisor > 0 && divisor <= limits::mostRopeFactor))
      return list[i].error("must be above 0 and at most ",
                           limits::mostRopeFactor, ", not ", divisor);
    divisors.push_back(divisor);
  }
  return divisors;
}

static Result<RopeScaling> readLongRope(JsonValue root, JsonValue scaling,
                                        const ModelConfig &config) {
  for (std::string_view key : {"short_mscale", "long_mscale"})
    if (auto value = scaling.find(key))
      return value->error("is not supported");
  RopeScaling result;
  result.kind = RopeScaling::Kind::LongRope;
  QOPT_ASSIGN(result.shortFactors, readDivisors(scaling, "short_factor"));
  QOPT_ASSIGN(result.longFactors, readDivisors(scaling, "long_factor"));
  QOPT_ASSIGN(result.originalContext,
              readOriginalContext(root, scaling, config));
  // The magnitude follows from how far the context was stretched.
  const double original = double(result.originalContext);
  QOPT_ASSIGN(double stretch,
              readPositive(scaling, "factor", limits::mostRopeFactor,
                           double(config.maxPositions) / original));
  const double usual =
      stretch > 1 && original > 1
          ? std::sqrt(1 + std::log(stretch) / std::log(original))
          : 1;
  QOPT_ASSIGN(result.magnitude, readPositive(scaling, "attention_factor",
                                             limits::mostRopeFactor, usual));
  return result;
}

static Result<RopeScaling> readScaling(JsonValue root, JsonValue scaling,
                                       const ModelConfig &config) {
  if (!scaling.isObject())
    return scaling.error("must be an object");
  const char *key = scaling.find("rope_type") ? "rope_type" : "type";
  QOPT_ASSIGN(std::string_view type, scaling.getString(key, "default"));
  if (type == "default")
    return RopeScaling();
  if (type == "linear")
    return readLinear(scaling);
  if (type == "llama3")
    return readLlama3(scaling);
  if (type == "longrope" || type == "su") // its name before the paper
    return readLongRope(root, scaling, config);
  if (type == "yarn")
    return readYarn(root, scaling, config);
  return member(scaling, key)
      .error("'", type,
             "' is not supported; supported are default, linear, llama3, yarn, "
             "longrope");
}

//===----------------------------------------------------------------------===//
// Bases
//===----------------------------------------------------------------------===//

/// Of layers with a window, in a `rope_parameters` with one entry per kind of
/// layer.
static Status readLocal(JsonValue parameters, ModelConfig &config) {
  QOPT_ASSIGN(JsonValue local, parameters.getObject("sliding_attention"));
  QOPT_ASSIGN(std::string_view type, local.getString("rope_type", "default"));
  if (type != "default")
    return member(local, "rope_type")
        .error("'", type,
               "' is not supported in layers with a window; only default is");
  QOPT_ASSIGN(config.localRopeTheta,
              readPositive(local, "rope_theta", limits::mostRopeTheta));
  return {};
}

Status detail::readHfRope(JsonValue root, const std::string &file,
                          ModelConfig &config) {
  const Architecture &family = *config.architecture;
  constexpr std::string_view partialKey = "partial_rotary_factor";
  std::optional<JsonValue> parameters = root.find("rope_parameters");
  std::optional<JsonValue> scaling =
      parameters ? parameters : root.find("rope_scaling");
  if (family.localRope && parameters && parameters->find("full_attention")) {
    QOPT_CHECK(readLocal(*parameters, config));
    scaling = parameters = parameters->find("full_attention");
  } else if (family.localRope) {
    QOPT_ASSIGN(config.localRopeTheta,
                readPositive(root, "rope_local_base_freq",
                             limits::mostRopeTheta, 10000));
  }
  if (scaling) {
    QOPT_ASSIGN(config.ropeScaling, readScaling(root, *scaling, config));
  }
  auto placeOf = [&](std::string_view key) {
    return parameters && parameters->find(key) ? *parameters : root;
  };
  QOPT_ASSIGN(config.ropeTheta,
              readPositive(placeOf("rope_theta"), "rope_theta",
                           limits::mostRopeTheta, family.defaultRopeTheta));
  QOPT_ASSIGN(double rotated,
              readPositive(placeOf(partialKey), partialKey, 1, 1));
  if (rotated != 1 && !family.partialRotary)
    return member(placeOf(partialKey), partialKey)
        .error("only whole heads can be rotated");
  config.rotaryDim = int64_t(double(config.headDim) * rotated);
  return checkRotation(config, file, partialKey);
}
