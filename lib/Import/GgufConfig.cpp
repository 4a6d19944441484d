//===- GgufConfig.cpp - what a GGUF file says about its model -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Import/GgufConfig.h"
#include "GgufKeys.h"

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
  const Architecture *architecture = findGgufArchitecture(name);
  if (!architecture)
    return badInput(file.file().path(), ": key ", quote(key), ": ", quote(name),
                    " is not supported; supported are ",
                    supportedGgufArchitectures());
  return architecture;
}

/// Keys that change what a model computes.
static Status checkNeutral(const GgufKeys &keys) {
  QOPT_ASSIGN(int64_t experts, keys.count("expert_count", {0, INT64_MAX}, 0));
  if (experts > 0)
    return keys.error("expert_count", "mixtures of experts are not supported");
  QOPT_ASSIGN(bool causal,
              keys.metadata().getBool(keys.full("attention.causal"), true));
  if (!causal)
    return keys.error("attention.causal",
                      "attention to later tokens is not supported");
  for (std::string_view key :
       {"logit_scale", "embedding_scale", "residual_scale", "attention.scale",
        "attn_logit_softcapping", "final_logit_softcapping",
        "attention.clamp_kqv", "attention.max_alibi_bias"})
    if (keys.has(key))
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

/// The key holds for every layer, as in Mistral; which layers of a Qwen2 have
/// a window, a file does not say.
static Status readWindow(const GgufKeys &keys, ModelConfig &config) {
  constexpr std::string_view key = "attention.sliding_window";
  QOPT_ASSIGN(int64_t window, keys.count(key, {0, limits::positions.most}, 0));
  if (window == 0)
    return {};
  if (config.architecture->window == Architecture::Window::ByConfig) {
    if (window >= config.maxPositions)
      return {};
    return keys.error(key, "is not supported in ",
                      config.architecture->ggufName, " models");
  }
  config.slidingWindow = window;
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
  config.headNorm = config.architecture->headNorm;
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
  QOPT_CHECK(checkNeutral(keys));
  QOPT_CHECK(readShape(keys, config));
  QOPT_CHECK(readWindow(keys, config));
  QOPT_CHECK(readGgufRope(file, keys, config));
  QOPT_CHECK(readSpecialTokens(keys, config));
  readTensors(file, config);
  return config;
}
