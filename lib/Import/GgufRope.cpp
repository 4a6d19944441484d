//===- GgufRope.cpp - the rotary embedding in a GGUF file -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Files say how Llama 3.1 scales its frequencies by their divisors alone, one
// per rotary pair, in the tensor rope_freqs.weight. The parameters are found
// again from them, so that the module says what it computes.
//
//===----------------------------------------------------------------------===//
#include "GgufKeys.h"
#include "qopt/Import/GgufConfig.h"

#include <algorithm>
#include <cmath>

using namespace qopt;
using namespace qopt::detail;

static constexpr std::string_view kFactors = "rope_freqs.weight";

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

static Result<std::vector<float>>
readFactors(const GgufFile &file, const GgufTensor &tensor, int64_t headDim) {
  const FormatRow &format = *findFormat(tensor.type);
  if (format.quantized || tensor.rows() != 1 ||
      tensor.rowLength() != headDim / 2)
    return badInput(file.file().path(), ": tensor ", quote(kFactors),
                    " must be ", headDim / 2,
                    " floats, one for each pair of channels of a head");
  QOPT_ASSIGN(ByteSpan bytes, file.data(tensor));
  std::vector<float> factors(tensor.rowLength());
  format.decode(bytes.data(), factors.data(), tensor.rowLength());
  for (float factor : factors)
    if (!(factor >= 1 && factor <= limits::mostRopeFactor))
      return badInput(file.file().path(), ": tensor ", quote(kFactors),
                      ": factors must be 1 to ", limits::mostRopeFactor,
                      ", not ", factor);
  return factors;
}

/// `rope.scaling.*`; `rope.scale_linear` in older files.
static Status readScaling(const GgufKeys &keys, RopeScaling &scaling) {
  constexpr std::string_view typeKey = "rope.scaling.type";
  QOPT_ASSIGN(std::string_view type,
              keys.metadata().getString(keys.full(typeKey), "linear"));
  if (type != "none" && type != "linear")
    return keys.error(typeKey, quote(type),
                      " is not supported; supported are none, linear");
  constexpr std::string_view attentionKey = "rope.scaling.attn_factor";
  QOPT_ASSIGN(double attention,
              keys.metadata().getFloat(keys.full(attentionKey), 1));
  if (attention != 1)
    return keys.error(attentionKey, "must be 1, not ", attention);
  if (type == "none")
    return {};
  std::string_view factorKey = "rope.scaling.factor";
  if (!keys.has(factorKey) && keys.has("rope.scale_linear"))
    factorKey = "rope.scale_linear";
  if (!keys.has(factorKey) && !keys.has(typeKey))
    return {};
  QOPT_ASSIGN(scaling.factor, keys.positive(factorKey, limits::mostRopeFactor));
  if (scaling.factor != 1)
    scaling.kind = RopeScaling::Kind::Linear;
  return {};
}

static Status readFrequencyFactors(const GgufFile &file, const GgufKeys &keys,
                                   ModelConfig &config) {
  for (const char *name :
       {"rope_factors_long.weight", "rope_factors_short.weight"})
    if (file.find(name))
      return badInput(file.file().path(), ": tensor ", quote(name),
                      ": this scaling of rotary frequencies is not supported");
  const GgufTensor *tensor = file.find(kFactors);
  if (!tensor)
    return {};
  QOPT_ASSIGN(std::vector<float> factors,
              readFactors(file, *tensor, config.headDim));
  if (std::ranges::all_of(factors, [](float factor) { return factor == 1; }))
    return {};
  constexpr std::string_view contextKey =
      "rope.scaling.original_context_length";
  QOPT_ASSIGN(int64_t context, keys.count(contextKey, limits::positions,
                                          RopeScaling().originalContext));
  auto scaling = findLlama3Scaling(factors, config.ropeTheta, context);
  if (!scaling || config.ropeScaling.kind != RopeScaling::Kind::None)
    return badInput(file.file().path(), ": tensor ", quote(kFactors),
                    ": its factors are not those of Llama 3.1 with an original "
                    "context of ",
                    context, " (key ", quote(keys.full(contextKey)),
                    "), and no others are supported");
  config.ropeScaling = *scaling;
  return {};
}

Status detail::readGgufRope(const GgufFile &file, const GgufKeys &keys,
                            ModelConfig &config) {
  constexpr std::string_view dimensionKey = "rope.dimension_count";
  QOPT_ASSIGN(int64_t rotated,
              keys.count(dimensionKey, limits::headDim, config.headDim));
  if (rotated != config.headDim)
    return keys.error(dimensionKey, "only whole heads can be rotated: must be ",
                      config.headDim, ", not ", rotated);
  if (keys.has("rope.freq_base")) {
    QOPT_ASSIGN(config.ropeTheta,
                keys.positive("rope.freq_base", limits::mostRopeTheta));
  }
  QOPT_CHECK(readScaling(keys, config.ropeScaling));
  return readFrequencyFactors(file, keys, config);
}
