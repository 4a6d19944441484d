//===- GgufRope.cpp - the rotary embedding in a GGUF file -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Files say how Llama 3.1 scales its frequencies by their divisors alone, one
// per rotary pair, in the tensor rope_freqs.weight. The parameters are found
// again from them, so that the module says what it computes. LongRoPE is its
// divisors, in rope_factors_short.weight and rope_factors_long.weight.
//
//===----------------------------------------------------------------------===//
#include "GgufKeys.h"
#include "qopt/Import/GgufConfig.h"

#include <algorithm>
#include <cmath>

using namespace qopt;
using namespace qopt::detail;

static constexpr std::string_view kFactors = "rope_freqs.weight",
                                  kContext =
                                      "rope.scaling.original_context_length";

std::optional<RopeScaling>
qopt::findLlama3Scaling(const std::vector<float> &factors, double ropeTheta,
                        int64_t originalContext) {
  RopeScaling scaling;
  scaling.kind = RopeScaling::Kind::Llama3;
  scaling.originalContext = originalContext;
  scaling.factor = *std::max_element(factors.begin(), factors.end());
  // The divisors are quotients of rounded frequencies; factors are chosen by
  // people.
  constexpr double precision = 1000, rounding = 1e-6;
  double chosen = std::round(scaling.factor * precision) / precision;
  if (std::abs(chosen - scaling.factor) <= rounding * scaling.factor)
    scaling.factor = chosen;

  int64_t dimensions = 2 * int64_t(factors.size());
  std::vector<float> plain = ropeFrequencies(dimensions, ropeTheta);
  std::vector<float> scaled = ropeFrequencies(dimensions, ropeTheta, scaling);
  // Other programs compute the frequencies in f32, and the interpolation
  // amplifies the difference.
  constexpr double tolerance = 1e-4;
  for (size_t i = 0; i < factors.size(); ++i) {
    double expected = double(plain[i]) / scaled[i];
    if (!(std::abs(factors[i] - expected) <= tolerance * expected))
      return std::nullopt;
  }
  return scaling;
}

/// One divisor for each rotated pair, at least `least`.
static Result<std::vector<float>> readFactors(const GgufFile &file,
                                              const GgufTensor &tensor,
                                              int64_t pairs, double least) {
  const FormatRow &format = *findFormat(tensor.type);
  if (format.quantized || tensor.rows() != 1 || tensor.rowLength() != pairs)
    return badInput(file.file().path(), ": tensor ", quote(tensor.name),
                    " must be ", pairs,
                    " floats, one for each pair of channels of a head");
  QOPT_ASSIGN(ByteSpan bytes, file.data(tensor));
  std::vector<float> factors(tensor.rowLength());
  format.decode(bytes.data(), factors.data(), tensor.rowLength());
  for (float factor : factors)
    if (!(factor > 0 && factor >= least && factor <= limits::mostRopeFactor))
      return badInput(file.file().path(), ": tensor ", quote(tensor.name),
                      ": factors must be ", least > 0 ? "1" : "above 0 and up",
                      " to ", limits::mostRopeFactor, ", not ", factor);
  return factors;
}

/// `rope.scaling.*`; `rope.scale_linear` in older files.
static Status readScaling(const GgufKeys &keys, int64_t maxPositions,
                          RopeScaling &scaling) {
  constexpr std::string_view typeKey = "rope.scaling.type";
  constexpr double most = limits::mostRopeFactor;
  QOPT_ASSIGN(std::string_view type,
              keys.metadata().getString(keys.full(typeKey), "linear"));
  if (type != "none" && type != "linear" && type != "yarn" &&
      type != "longrope")
    return keys.error(typeKey, quote(type),
                      " is not supported; supported are none, linear, yarn, "
                      "longrope");
  QOPT_ASSIGN(scaling.magnitude,
              keys.positive("rope.scaling.attn_factor", most, 1));
  if (type == "none" || type == "longrope")
    return {};
  std::string_view factorKey = "rope.scaling.factor";
  if (!keys.has(factorKey) && keys.has("rope.scale_linear"))
    factorKey = "rope.scale_linear";
  if (!keys.has(factorKey) && !keys.has(typeKey))
    return {};
  QOPT_ASSIGN(scaling.factor, keys.positive(factorKey, most));
  if (type == "linear") {
    if (scaling.factor != 1)
      scaling.kind = RopeScaling::Kind::Linear;
    return {};
  }
  scaling.kind = RopeScaling::Kind::Yarn;
  scaling.magnitude *= yarnMagnitude(scaling.factor);
  QOPT_ASSIGN(scaling.betaFast,
              keys.positive("rope.scaling.yarn_beta_fast", most, 32));
  QOPT_ASSIGN(scaling.betaSlow,
              keys.positive("rope.scaling.yarn_beta_slow", most, 1));
  QOPT_ASSIGN(scaling.originalContext,
              keys.count(kContext, limits::positions, maxPositions));
  return {};
}

/// The divisors of LongRoPE; without them, nothing says what a magnitude is
/// for.
static Status readLongRope(const GgufFile &file, const GgufKeys &keys,
                           ModelConfig &config) {
  const GgufTensor *shortFactors = file.find("rope_factors_short.weight"),
                   *longFactors = file.find("rope_factors_long.weight");
  RopeScaling &scaling = config.ropeScaling;
  if (!shortFactors && !longFactors) {
    if (scaling.magnitude != 1 && scaling.kind != RopeScaling::Kind::Yarn)
      return keys.error("rope.scaling.attn_factor", "must be 1, not ",
                        scaling.magnitude);
    return {};
  }
  const GgufTensor *present = longFactors ? longFactors : shortFactors;
  if (!config.architecture->partialRotary || !shortFactors || !longFactors ||
      scaling.kind != RopeScaling::Kind::None)
    return badInput(file.file().path(), ": tensor ", quote(present->name),
                    ": this scaling of rotary frequencies is not supported");
  scaling.kind = RopeScaling::Kind::LongRope;
  for (auto [tensor, divisors] :
       {std::pair{shortFactors, &scaling.shortFactors},
        {longFactors, &scaling.longFactors}}) {
    QOPT_ASSIGN(std::vector<float> factors,
                readFactors(file, *tensor, config.rotatedChannels() / 2, 0));
    divisors->assign(factors.begin(), factors.end());
  }
  QOPT_ASSIGN(scaling.originalContext,
              keys.count(kContext, limits::positions, config.maxPositions));
  return {};
}

static Status readFrequencyFactors(const GgufFile &file, const GgufKeys &keys,
                                   ModelConfig &config) {
  const GgufTensor *tensor = file.find(kFactors);
  if (!tensor)
    return {};
  QOPT_ASSIGN(std::vector<float> factors,
              readFactors(file, *tensor, config.headDim / 2, 1));
  if (std::ranges::all_of(factors, [](float factor) { return factor == 1; }))
    return {};
  QOPT_ASSIGN(int64_t context, keys.count(kContext, limits::positions,
                                          RopeScaling().originalContext));
  auto scaling = findLlama3Scaling(factors, config.ropeTheta, context);
  if (!scaling || config.ropeScaling.kind != RopeScaling::Kind::None)
    return badInput(file.file().path(), ": tensor ", quote(kFactors),
                    ": its factors are not those of Llama 3.1 with an original "
                    "context of ",
                    context, " (key ", quote(keys.full(kContext)),
                    "), and no others are supported");
  config.ropeScaling = *scaling;
  return {};
}

Status detail::readGgufRope(const GgufFile &file, const GgufKeys &keys,
                            ModelConfig &config) {
  const Architecture &family = *config.architecture;
  constexpr std::string_view dimensionKey = "rope.dimension_count";
  QOPT_ASSIGN(config.rotaryDim,
              keys.count(dimensionKey, limits::headDim, config.headDim));
  if (config.rotatedChannels() != config.headDim && !family.partialRotary)
    return keys.error(dimensionKey, "only whole heads can be rotated: must be ",
                      config.headDim, ", not ", config.rotatedChannels());
  constexpr double most = limits::mostRopeTheta;
  QOPT_ASSIGN(config.ropeTheta, keys.positive("rope.freq_base", most, 10000));
  if (family.localRope) {
    QOPT_ASSIGN(config.localRopeTheta,
                keys.positive("rope.freq_base_swa", most, 10000));
  }
  QOPT_CHECK(readScaling(keys, config.maxPositions, config.ropeScaling));
  QOPT_CHECK(readLongRope(file, keys, config));
  QOPT_CHECK(readFrequencyFactors(file, keys, config));
  return checkRotation(config, keys.path(), keys.full(dimensionKey));
}
