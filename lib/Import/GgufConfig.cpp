//===- GgufConfig.cpp - what a GGUF file says about its model -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Import/GgufConfig.h"
#include "GgufKeys.h"

#include <cmath>

using namespace qopt;
using namespace qopt::detail;

Result<int64_t> GgufKeys::count(std::string_view key, CountRange range) const {
  QOPT_ASSIGN(int64_t value, metadata().getInt(full(key)));
  if (value < range.least || value > range.most)
    return error(key, "must be ", range.least, " to ", range.most, ", not ",
                 value);
  return value;
}

Result<double> GgufKeys::positive(std::string_view key, double most) const {
  QOPT_ASSIGN(double value, metadata().getFloat(full(key)));
  if (!(value > 0 && value <= most))
    return error(key, "must be above 0 and at most ", most, ", not ", value);
  return value;
}

//===----------------------------------------------------------------------===//
// What is refused
//===----------------------------------------------------------------------===//

/// That the file holds a whole model.
static Status checkKind(const GgufFile &file) {
  const GgufMetadata &metadata = file.metadata();
  QOPT_ASSIGN(std::string_view kind,
              metadata.getString("general.type", "model"));
  if (kind != "model")
    return badInput(file.file().path(), ": key \"general.type\": the file is ",
                    quote(kind), ", not a model");
  return {};
}

static Result<const Architecture *> readArchitecture(const GgufFile &file) {
  constexpr std::string_view key = "general.architecture";
  QOPT_ASSIGN(std::string_view name, file.metadata().getString(key));
  QOPT_ASSIGN(
      int64_t experts,
      GgufKeys(file, name).count("expert_count", {0, limits::experts.most}, 0));
  const Architecture *architecture = findGgufArchitecture(name, experts > 0);
  if (!architecture && findGgufArchitecture(name, experts == 0))
    return GgufKeys(file, name)
        .error("expert_count",
               experts > 0 ? "mixtures of experts are not supported in this "
                             "architecture"
                           : "must be above 0");
  if (!architecture)
    return badInput(file.file().path(), ": key ", quote(key), ": ", quote(name),
                    " is not supported; supported are ",
                    supportedGgufArchitectures());
  return architecture;
}

/// Keys that change what a model computes, in architectures that do not have
/// them.
static Status checkNeutral(const GgufKeys &keys, const Architecture &family) {
  QOPT_ASSIGN(bool causal,
              keys.metadata().getBool(keys.full("attention.causal"), true));
  if (!causal)
    return keys.error("attention.causal",
                      "attention to later tokens is not supported");
  for (std::string_view key :
       {"logit_scale", "embedding_scale", "residual_scale", "attention.scale",
        "attention.clamp_kqv", "attention.max_alibi_bias",
        "expert_shared_count", "expert_weights_scale",
        "leading_dense_block_count"})
    if (keys.has(key))
      return keys.error(key, "is not supported");
  for (std::string_view key :
       {"attn_logit_softcapping", "final_logit_softcapping"})
    if (keys.has(key) && !family.softcaps)
      return keys.error(key, "is not supported");
  return {};
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

static Result<int64_t> readVocabularySize(const GgufKeys &keys) {
  constexpr std::string_view tokensKey = "tokenizer.ggml.tokens";
  int64_t tokens = 0;
  if (keys.metadata().contains(tokensKey)) {
    QOPT_ASSIGN(const auto *list, keys.metadata().getStrings(tokensKey));
    tokens = int64_t(list->size());
  }
  if (tokens == 0 || keys.has("vocab_size")) {
    QOPT_ASSIGN(int64_t size, keys.count("vocab_size", limits::vocabularySize));
    if (tokens > size)
      return keys.error("vocab_size", "must be at least ", tokens,
                        ", the number of tokens, not ", size);
    return size;
  }
  return tokens;
}

static Status readHeadDim(const GgufKeys &keys, ModelConfig &config) {
  if (!keys.has("attention.key_length") &&
      config.hiddenSize % config.heads != 0)
    return keys.error("attention.head_count", config.heads,
                      " heads do not divide embedding_length ",
                      config.hiddenSize,
                      ", and there is no attention.key_length");
  QOPT_ASSIGN(config.headDim,
              keys.count("attention.key_length", limits::headDim,
                         config.hiddenSize / config.heads));
  QOPT_ASSIGN(int64_t valueLength, keys.count("attention.value_length",
                                              limits::headDim, config.headDim));
  if (valueLength != config.headDim)
    return keys.error("attention.value_length", "must equal the key length ",
                      config.headDim, ", not ", valueLength);
  return {};
}

static Status readShape(const GgufKeys &keys, ModelConfig &config) {
  QOPT_ASSIGN(config.hiddenSize,
              keys.count("embedding_length", limits::hiddenSize));
  QOPT_ASSIGN(config.layers, keys.count("block_count", limits::layers));
  QOPT_ASSIGN(config.heads, keys.count("attention.head_count", limits::heads));
  QOPT_ASSIGN(config.kvHeads, keys.count("attention.head_count_kv",
                                         limits::heads, config.heads));
  QOPT_ASSIGN(config.intermediateSize,
              keys.count("feed_forward_length", limits::intermediateSize));
  QOPT_ASSIGN(config.maxPositions,
              keys.count("context_length", limits::positions));
  QOPT_ASSIGN(config.vocabularySize, readVocabularySize(keys));
  QOPT_ASSIGN(config.rmsNormEps,
              keys.positive("attention.layer_norm_rms_epsilon", 1));
  QOPT_CHECK(readHeadDim(keys, config));
  return checkStructure(config, keys.path(),
                        {keys.full("attention.head_count"),
                         keys.full("attention.head_count_kv"),
                         keys.full("attention.key_length")});
}

/// Where the key holds for some layers, which they are follows from the
/// architecture, except that a file does not say it of a Qwen2.
static Status readWindow(const GgufKeys &keys, ModelConfig &config) {
  using Window = Architecture::Window;
  constexpr std::string_view key = "attention.sliding_window",
                             periodKey = "attention.sliding_window_pattern";
  const Architecture &family = *config.architecture;
  // What Gemma 2 means by silence.
  int64_t usual = family.name == "gemma2" ? 4096 : 0;
  QOPT_ASSIGN(int64_t window,
              keys.count(key, {0, limits::positions.most}, usual));
  if (window == 0)
    return {};
  if (family.window == Window::ByConfig) {
    if (window >= config.maxPositions)
      return {};
    return keys.error(key, "is not supported in ", family.ggufName, " models");
  }
  config.slidingWindow = window;
  if (family.window == Window::Alternating) {
    QOPT_ASSIGN(int64_t period, keys.count(periodKey, {1, limits::layers.most},
                                           family.windowPeriod));
    config.windowed = alternatingWindows(config.layers, period);
  }
  return {};
}

static Status readExperts(const GgufKeys &keys, ModelConfig &config) {
  if (!config.architecture->hasExperts())
    return {};
  QOPT_ASSIGN(config.experts, keys.count("expert_count", limits::experts));
  QOPT_ASSIGN(config.expertsPerToken,
              keys.count("expert_used_count", {1, config.experts}));
  QOPT_ASSIGN(config.expertSize,
              keys.count("expert_feed_forward_length", limits::intermediateSize,
                         config.intermediateSize));
  return {};
}

/// What these files leave to the program that reads them.
static Status readScales(const GgufKeys &keys, ModelConfig &config) {
  const Architecture &family = *config.architecture;
  config.activation = family.activation == Architecture::Activation::GeluTanh
                          ? llm::Activation::GeluTanh
                          : llm::Activation::Silu;
  if (family.scaledEmbedding)
    config.embeddingScale = std::sqrt(double(config.hiddenSize));
  if (family.attentionScalar)
    config.attentionScalar = ggufAttentionScalar(config);
  constexpr double most = 1e9;
  for (auto [key, cap] :
       {std::pair{"attn_logit_softcapping", &config.attentionSoftcap},
        {"final_logit_softcapping", &config.logitSoftcap}})
    if (keys.has(key)) {
      QOPT_ASSIGN(*cap, keys.positive(key, most));
    }
  return {};
}

/// What the presence of tensors says. Where one is present, BuildModule needs
/// its like in every block.
static void readTensors(const GgufFile &file, ModelConfig &config) {
  auto has = [&](WeightRole role) {
    return file.find(WeightId{role}.gguf()) != nullptr;
  };
  config.queryKeyValueBias = has(WeightRole::QueryBias);
  config.outputBias = has(WeightRole::AttentionOutputBias);
  config.mlpBias = has(WeightRole::GateBias);
  config.tiedEmbeddings = !has(WeightRole::Head);
}

static Status readSpecialTokens(const GgufKeys &keys, ModelConfig &config) {
  auto read = [&](std::string_view name) -> Result<std::optional<int64_t>> {
    std::string key = str("tokenizer.ggml.", name);
    if (!keys.metadata().contains(key))
      return std::nullopt;
    QOPT_ASSIGN(int64_t token, keys.metadata().getInt(key));
    if (token < 0 || token >= config.vocabularySize)
      return badInput(keys.path(), ": key ", quote(key), ": token ", token,
                      " is not in the vocabulary of ", config.vocabularySize);
    return token;
  };
  QOPT_ASSIGN(config.bosToken, read("bos_token_id"));
  QOPT_ASSIGN(std::optional<int64_t> eos, read("eos_token_id"));
  QOPT_ASSIGN(std::optional<int64_t> endOfTurn, read("eot_token_id"));
  if (eos)
    config.eosTokens.push_back(*eos);
  if (endOfTurn && endOfTurn != eos)
    config.eosTokens.push_back(*endOfTurn);
  return {};
}

Result<ModelConfig> qopt::readGgufConfig(const GgufFile &file) {
  QOPT_CHECK(checkKind(file));
  ModelConfig config;
  QOPT_ASSIGN(config.architecture, readArchitecture(file));
  config.interleavedRope = config.architecture->ggufInterleavedRope;
  QOPT_ASSIGN(std::string_view name,
              file.metadata().getString("general.name", ""));
  config.name = name;
  GgufKeys keys(file, config.architecture->ggufName);
  QOPT_CHECK(checkNeutral(keys, *config.architecture));
  QOPT_CHECK(readShape(keys, config));
  QOPT_CHECK(readExperts(keys, config));
  QOPT_CHECK(readScales(keys, config));
  QOPT_CHECK(readWindow(keys, config));
  QOPT_CHECK(readGgufRope(file, keys, config));
  QOPT_CHECK(readSpecialTokens(keys, config));
  readTensors(file, config);
  return config;
}
