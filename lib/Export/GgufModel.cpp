//===- GgufModel.cpp - what a GGUF file says about a model ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GgufModel.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Import/BuildModule.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;

/// Whether the module rotates neighbouring channels.
static Result<bool> rotatesNeighbours(ModuleOp module) {
  bool neighbours = false, halves = false;
  module.walk([&](llm::RopeOp rope) {
    (rope.getInterleaved() ? neighbours : halves) = true;
  });
  if (neighbours && halves)
    return badInput("some llm.rope ops are interleaved and some are not; a "
                    "GGUF file knows one kind");
  return neighbours;
}

Result<GgufModel> GgufModel::read(ModuleOp module) {
  GgufModel model;
  QOPT_ASSIGN(model.config, readConfigAttribute(module));
  const Architecture &family = *model.config.architecture;
  QOPT_ASSIGN(bool neighbours, rotatesNeighbours(module));
  if (neighbours && !family.ggufInterleavedRope)
    return badInput("llm.rope is interleaved, but GGUF files of the ",
                    model.architecture(), " architecture rotate halves");
  model.reordersHeads = family.ggufInterleavedRope && !neighbours;
  QOPT_CHECK(checkComputation(module, model));
  return model;
}

/// What llama3 scaling divides each frequency by.
static std::vector<float> llama3Divisors(const ModelConfig &config) {
  int64_t channels = config.rotatedChannels();
  std::vector<float> divisors = ropeFrequencies(channels, config.ropeTheta);
  std::vector<float> scaled =
      ropeFrequencies(channels, config.ropeTheta, config.ropeScaling);
  for (auto [divisor, frequency] : llvm::zip_equal(divisors, scaled))
    divisor /= frequency;
  return divisors;
}

std::vector<GgufNumbers> GgufModel::ropeNumbers() const {
  const RopeScaling &scaling = config.ropeScaling;
  auto floats = [](const std::vector<double> &values) {
    return std::vector<float>(values.begin(), values.end());
  };
  if (scaling.kind == RopeScaling::Kind::Llama3)
    return {{"rope_freqs.weight", llama3Divisors(config)}};
  if (scaling.kind == RopeScaling::Kind::LongRope)
    return {{"rope_factors_long.weight", floats(scaling.longFactors)},
            {"rope_factors_short.weight", floats(scaling.shortFactors)}};
  return {};
}

namespace {
/// Writes keys of one architecture.
struct KeyWriter {
  GgufMetadata &metadata;
  std::string prefix; // "llama."

  void count(std::string_view key, int64_t value) {
    metadata.setU32(str(prefix, key), uint32_t(value));
  }
  void number(std::string_view key, double value) {
    metadata.setF32(str(prefix, key), float(value));
  }
  void number(std::string_view key, std::optional<double> value) {
    if (value)
      number(key, *value);
  }
  void number(std::string_view key, double value, double usual) {
    if (value != usual)
      number(key, value);
  }
  void text(std::string_view key, std::string_view value) {
    metadata.setString(str(prefix, key), value);
  }
};
} // namespace

static void writeRope(KeyWriter &keys, const ModelConfig &config) {
  keys.count("rope.dimension_count", config.rotatedChannels());
  keys.number("rope.freq_base", config.ropeTheta);
  if (config.localRopeTheta)
    keys.number("rope.freq_base_swa", *config.localRopeTheta, 10000);
  const RopeScaling &scaling = config.ropeScaling;
  switch (scaling.kind) {
  case RopeScaling::Kind::None:
    return;
  case RopeScaling::Kind::Linear:
    keys.text("rope.scaling.type", "linear");
    keys.number("rope.scaling.factor", scaling.factor);
    return;
  case RopeScaling::Kind::Yarn:
    keys.text("rope.scaling.type", "yarn");
    keys.number("rope.scaling.factor", scaling.factor);
    keys.number("rope.scaling.yarn_beta_fast", scaling.betaFast, 32);
    keys.number("rope.scaling.yarn_beta_slow", scaling.betaSlow, 1);
    // Readers multiply by the usual magnitude themselves.
    keys.number("rope.scaling.attn_factor",
                scaling.magnitude / yarnMagnitude(scaling.factor), 1);
    break;
  case RopeScaling::Kind::LongRope:
    keys.number("rope.scaling.attn_factor", scaling.magnitude);
    break;
  case RopeScaling::Kind::Llama3:
    break;
  }
  // The rest of these follows from ropeNumbers().
  keys.count("rope.scaling.original_context_length", scaling.originalContext);
}

/// Which layers have a window, where the architecture leaves a choice.
static void writeWindow(KeyWriter &keys, const ModelConfig &config) {
  if (!config.slidingWindow)
    return;
  keys.count("attention.sliding_window", *config.slidingWindow);
  const Architecture &family = *config.architecture;
  if (family.window != Architecture::Window::Alternating)
    return;
  int64_t period = *windowPeriod(config);
  if (period != family.windowPeriod)
    keys.count("attention.sliding_window_pattern", period);
}

void GgufModel::writeKeys(GgufMetadata &metadata) const {
  metadata.setString("general.architecture", architecture());
  metadata.setString("general.type", "model");
  if (!config.name.empty())
    metadata.setString("general.name", config.name);
  KeyWriter keys{metadata, architecture() + "."};
  keys.count("vocab_size", config.vocabularySize);
  keys.count("context_length", config.maxPositions);
  keys.count("embedding_length", config.hiddenSize);
  keys.count("block_count", config.layers);
  keys.count("feed_forward_length", config.intermediateSize);
  if (config.experts > 0) {
    keys.count("expert_count", config.experts);
    keys.count("expert_used_count", config.expertsPerToken);
    if (config.expertSize != config.intermediateSize)
      keys.count("expert_feed_forward_length", config.expertSize);
  }
  keys.count("attention.head_count", config.heads);
  keys.count("attention.head_count_kv", config.kvHeads);
  keys.count("attention.key_length", config.headDim);
  keys.count("attention.value_length", config.headDim);
  keys.number("attention.layer_norm_rms_epsilon", config.rmsNormEps);
  keys.number("attn_logit_softcapping", config.attentionSoftcap);
  keys.number("final_logit_softcapping", config.logitSoftcap);
  writeWindow(keys, config);
  writeRope(keys, config);
}
