//===- HfConfig.cpp - config.json of Hugging Face checkpoints -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Import/HfConfig.h"
#include "HfKeys.h"

#include "qopt/IO/TensorIndex.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

using namespace qopt;
using namespace qopt::detail;
namespace fs = std::filesystem;

//===----------------------------------------------------------------------===//
// Checked members
//===----------------------------------------------------------------------===//

Result<int64_t> detail::readCount(JsonValue object, std::string_view key,
                                  CountRange range) {
  QOPT_ASSIGN(int64_t value, object.getInt(key));
  if (value < range.least || value > range.most)
    return member(object, key)
        .error("must be ", range.least, " to ", range.most, ", not ", value);
  return value;
}

Result<int64_t> detail::readCount(JsonValue object, std::string_view key,
                                  CountRange range, int64_t fallback) {
  return object.find(key) ? readCount(object, key, range)
                          : Result<int64_t>(fallback);
}

Result<double> detail::readPositive(JsonValue object, std::string_view key,
                                    double most) {
  QOPT_ASSIGN(double value, object.getDouble(key));
  if (!(value > 0 && value <= most))
    return member(object, key)
        .error("must be above 0 and at most ", most, ", not ", value);
  return value;
}

Result<double> detail::readPositive(JsonValue object, std::string_view key,
                                    double most, double fallback) {
  return object.find(key) ? readPositive(object, key, most)
                          : Result<double>(fallback);
}

Result<std::optional<double>>
detail::readOptional(JsonValue object, std::string_view key, double most) {
  if (!object.find(key))
    return std::nullopt;
  return readPositive(object, key, most);
}

static Status readToken(JsonValue value, int64_t vocabulary,
                        std::vector<int64_t> &tokens) {
  QOPT_ASSIGN(int64_t token, value.asInt());
  if (token < 0 || token >= vocabulary)
    return value.error("token ", token, " is not in the vocabulary of ",
                       vocabulary);
  tokens.push_back(token);
  return {};
}

/// One token or a list of tokens; null and absent give none.
static Result<std::vector<int64_t>>
readTokens(JsonValue object, std::string_view key, int64_t vocabulary) {
  std::vector<int64_t> tokens;
  std::optional<JsonValue> value = object.find(key);
  if (value && value->isArray()) {
    for (size_t i = 0; i < value->size(); ++i)
      QOPT_CHECK(readToken((*value)[i], vocabulary, tokens));
  } else if (value) {
    QOPT_CHECK(readToken(*value, vocabulary, tokens));
  }
  return tokens;
}

//===----------------------------------------------------------------------===//
// What is refused
//===----------------------------------------------------------------------===//

/// Keys that change what a model computes, in families that do not have them.
static Status checkNeutral(JsonValue root, const Architecture &family) {
  constexpr std::string_view experts = "mixtures of experts are not supported",
                             caps = "capped logits are not supported";
  struct {
    std::string_view key, reason;
    bool allowed = false;
  } refused[] = {
      {"auto_map",
       "the model needs Python code from its repository, which is never run",
       family.toleratesAutoMap},
      {"num_experts", experts, family.expertsKey == "num_experts"},
      {"num_local_experts", experts, family.expertsKey == "num_local_experts"},
      {"attn_logit_softcapping", caps, family.softcaps},
      {"final_logit_softcapping", caps, family.softcaps},
      {"embedding_multiplier", "scaled embeddings are not supported"},
      {"residual_multiplier", "scaled residuals are not supported"},
      {"attention_multiplier", "scaled attention is not supported"},
      {"logits_scaling", "scaled logits are not supported"},
  };
  for (const auto &[key, reason, allowed] : refused)
    if (std::optional<JsonValue> value = root.find(key); value && !allowed)
      return value->error(reason);
  QOPT_ASSIGN(bool bothWays,
              root.getBool("use_bidirectional_attention", false));
  if (bothWays)
    return member(root, "use_bidirectional_attention")
        .error("attention to later tokens is not supported");
  return {};
}

static Result<const Architecture *> readArchitecture(JsonValue root) {
  QOPT_ASSIGN(std::string_view type, root.getString("model_type"));
  const Architecture *architecture = findArchitecture(type);
  if (!architecture)
    return member(root, "model_type")
        .error("'", type, "' is not supported; supported are ",
               supportedArchitectures());
  std::optional<JsonValue> classes = root.find("architectures");
  for (size_t i = 0; classes && i < classes->size(); ++i) {
    QOPT_ASSIGN(std::string_view name, (*classes)[i].asString());
    if (name != architecture->className)
      return (*classes)[i].error("'", name, "' is not supported; of ", type,
                                 " models ", architecture->className, " is");
  }
  return architecture;
}

/// A count that the family may have a default for.
static Result<int64_t> readCount(JsonValue root, std::string_view key,
                                 CountRange range, const Architecture &family) {
  auto found =
      std::ranges::find(family.defaults, key, &Architecture::Default::key);
  if (found == family.defaults.end())
    return readCount(root, key, range);
  return readCount(root, key, range, found->count);
}

static Result<llm::Activation> readActivation(JsonValue root,
                                              const Architecture &family) {
  bool gelu = family.activation == Architecture::Activation::GeluTanh;
  QOPT_ASSIGN(std::string_view name,
              root.getString(family.activationKey,
                             gelu ? "gelu_pytorch_tanh" : "silu"));
  if (name == "silu" || name == "swish")
    return llm::Activation::Silu;
  if (name == "gelu")
    return llm::Activation::Gelu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new")
    return llm::Activation::GeluTanh;
  return member(root, family.activationKey)
      .error("'", name,
             "' is not supported; supported are silu, gelu, "
             "gelu_pytorch_tanh");
}

//===----------------------------------------------------------------------===//
// Sliding windows
//===----------------------------------------------------------------------===//

/// `layer_types`, which newer checkpoints have for each layer.
static Status readLayerTypes(JsonValue types, ModelConfig &config) {
  if (types.size() != size_t(config.layers))
    return types.error("has ", types.size(), " entries for ", config.layers,
                       " layers");
  config.windowed.clear();
  for (size_t i = 0; i < types.size(); ++i) {
    QOPT_ASSIGN(std::string_view type, types[i].asString());
    if (type != "full_attention" && type != "sliding_attention")
      return types[i].error("'", type,
                            "' is not supported; supported are "
                            "full_attention, sliding_attention");
    config.windowed.push_back(type == "sliding_attention");
  }
  return {};
}

static Status readWindow(JsonValue root, ModelConfig &config) {
  using Window = Architecture::Window;
  const Architecture &family = *config.architecture;
  if (family.window == Window::Never)
    return {};
  if (family.window == Window::ByConfig) {
    QOPT_ASSIGN(bool used, root.getBool("use_sliding_window", false));
    if (!used)
      return {};
  }
  if (!root.find("sliding_window") && family.window != Window::Alternating)
    return {};
  QOPT_ASSIGN(config.slidingWindow,
              readCount(root, "sliding_window", limits::positions, family));
  if (std::optional<JsonValue> types = root.find("layer_types"))
    return readLayerTypes(*types, config);
  if (family.window == Window::ByConfig) {
    QOPT_ASSIGN(int64_t first,
                readCount(root, "max_window_layers", {0, limits::layers.most}));
    for (int64_t layer = 0; layer < config.layers; ++layer)
      config.windowed.push_back(layer >= first);
  }
  if (family.window == Window::Alternating) {
    QOPT_ASSIGN(int64_t period,
                readCount(root, "sliding_window_pattern",
                          {1, limits::layers.most}, family.windowPeriod));
    config.windowed = alternatingWindows(config.layers, period);
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Experts, scales and caps
//===----------------------------------------------------------------------===//

static Status readExperts(JsonValue root, ModelConfig &config) {
  const Architecture &family = *config.architecture;
  if (!family.hasExperts())
    return {};
  QOPT_ASSIGN(config.experts,
              readCount(root, family.expertsKey, limits::experts));
  QOPT_ASSIGN(config.expertsPerToken,
              readCount(root, "num_experts_per_tok", {1, config.experts}));
  QOPT_ASSIGN(config.expertSize,
              readCount(root, family.expertSizeKey, limits::intermediateSize));
  if (!family.routesByConfig)
    return {};
  QOPT_ASSIGN(config.normalizedRouting, root.getBool("norm_topk_prob", false));
  // Layers without experts.
  QOPT_ASSIGN(int64_t step, root.getInt("decoder_sparse_step", 1));
  if (step != 1)
    return member(root, "decoder_sparse_step").error("must be 1, not ", step);
  if (std::optional<JsonValue> dense = root.find("mlp_only_layers");
      dense && dense->size() > 0)
    return dense->error("layers without experts are not supported");
  return {};
}

static Status readScales(JsonValue root, ModelConfig &config) {
  const Architecture &family = *config.architecture;
  constexpr double most = 1e9;
  if (family.offsetNorms)
    config.normOffset = 1;
  if (family.scaledEmbedding)
    config.embeddingScale = std::sqrt(double(config.hiddenSize));
  if (family.attentionScalar) {
    QOPT_ASSIGN(config.attentionScalar,
                readPositive(root, "query_pre_attn_scalar", most, 256));
  }
  if (family.softcaps) {
    QOPT_ASSIGN(config.attentionSoftcap,
                readOptional(root, "attn_logit_softcapping", most));
    QOPT_ASSIGN(config.logitSoftcap,
                readOptional(root, "final_logit_softcapping", most));
  }
  return {};
}

//===----------------------------------------------------------------------===//
// The whole file
//===----------------------------------------------------------------------===//

static Status readShape(JsonValue root, const std::string &file,
                        ModelConfig &config) {
  QOPT_ASSIGN(config.hiddenSize,
              readCount(root, "hidden_size", limits::hiddenSize));
  QOPT_ASSIGN(config.layers,
              readCount(root, "num_hidden_layers", limits::layers));
  const Architecture &family = *config.architecture;
  QOPT_ASSIGN(config.heads,
              readCount(root, "num_attention_heads", limits::heads, family));
  constexpr const char *kvHeads = "num_key_value_heads";
  config.kvHeads = config.heads;
  if (root.find(kvHeads) || !family.defaults.empty()) {
    QOPT_ASSIGN(config.kvHeads,
                readCount(root, kvHeads, limits::heads, family));
  }
  QOPT_ASSIGN(config.intermediateSize,
              readCount(root, "intermediate_size", limits::intermediateSize));
  QOPT_ASSIGN(config.vocabularySize,
              readCount(root, "vocab_size", limits::vocabularySize, family));
  QOPT_ASSIGN(config.maxPositions, readCount(root, "max_position_embeddings",
                                             limits::positions, family));
  int64_t fallback = family.defaultHeadDim;
  if (fallback == 0 && !root.find("head_dim")) {
    if (config.hiddenSize % config.heads != 0)
      return member(root, "num_attention_heads")
          .error(config.heads, " heads do not divide hidden_size ",
                 config.hiddenSize, ", and there is no head_dim");
    fallback = config.hiddenSize / config.heads;
  }
  QOPT_ASSIGN(config.headDim,
              readCount(root, "head_dim", limits::headDim, fallback));
  return checkStructure(
      config, file, {"num_attention_heads", "num_key_value_heads", "head_dim"});
}

static Status readBiases(JsonValue root, ModelConfig &config) {
  using Bias = Architecture::AttentionBias;
  const Architecture &architecture = *config.architecture;
  QOPT_ASSIGN(bool attention, root.getBool("attention_bias", false));
  QOPT_ASSIGN(bool mlp, root.getBool("mlp_bias", false));
  bool byConfig = architecture.attentionBias == Bias::ByConfig && attention;
  config.queryKeyValueBias =
      byConfig || architecture.attentionBias == Bias::QueryKeyValue;
  config.outputBias = byConfig;
  config.mlpBias = architecture.mlpBias && mlp;
  return {};
}

/// What a configuration says of the text model: of a multimodal one, a part.
static JsonValue textConfig(JsonValue root) {
  std::optional<JsonValue> text = root.find("text_config");
  if (!text || !text->isObject())
    return root;
  auto type = root.getString("model_type", "");
  return type && findArchitecture(*type) ? root : *text;
}

Result<ModelConfig> qopt::parseHfConfig(JsonValue whole,
                                        const std::string &file) {
  if (!whole.isObject())
    return badInput(file, ": is not a JSON object");
  JsonValue root = textConfig(whole);
  // What multimodal models say of their text models at either place.
  auto either = [&](std::string_view key) {
    return root.find(key) ? root : whole;
  };
  ModelConfig config;
  QOPT_ASSIGN(config.architecture, readArchitecture(root));
  QOPT_CHECK(checkNeutral(root, *config.architecture));
  QOPT_CHECK(checkNeutral(whole, *config.architecture));
  QOPT_CHECK(readShape(root, file, config));
  QOPT_CHECK(readBiases(root, config));
  QOPT_ASSIGN(config.activation, readActivation(root, *config.architecture));
  double usualEps = config.architecture->defaultNormEps;
  QOPT_ASSIGN(config.rmsNormEps,
              usualEps > 0 ? readPositive(root, "rms_norm_eps", 1, usualEps)
                           : readPositive(root, "rms_norm_eps", 1));
  QOPT_CHECK(readHfRope(root, file, config));
  QOPT_CHECK(readWindow(root, config));
  QOPT_CHECK(readExperts(root, config));
  QOPT_CHECK(readScales(root, config));
  constexpr const char *tied = "tie_word_embeddings", *first = "bos_token_id",
                       *last = "eos_token_id";
  QOPT_ASSIGN(config.tiedEmbeddings,
              either(tied).getBool(tied, config.architecture->tiedByDefault));
  QOPT_ASSIGN(std::vector<int64_t> bos,
              readTokens(either(first), first, config.vocabularySize));
  if (!bos.empty())
    config.bosToken = bos.front();
  QOPT_ASSIGN(config.eosTokens,
              readTokens(either(last), last, config.vocabularySize));
  return config;
}

Result<ModelConfig> qopt::readHfConfig(const std::string &directory) {
  QOPT_ASSIGN(std::string file, checkpointMember(directory, "config.json"));
  QOPT_ASSIGN(JsonDocument document, JsonDocument::load(file));
  QOPT_ASSIGN(ModelConfig config, parseHfConfig(document.root(), file));
  std::error_code failed;
  config.name = fs::weakly_canonical(directory, failed).filename().string();

  constexpr const char *generation = "generation_config.json";
  if (!fs::exists(fs::path(directory) / generation, failed))
    return config;
  QOPT_ASSIGN(std::string path, checkpointMember(directory, generation));
  QOPT_ASSIGN(JsonDocument settings, JsonDocument::load(path));
  QOPT_ASSIGN(
      std::vector<int64_t> eos,
      readTokens(settings.root(), "eos_token_id", config.vocabularySize));
  if (!eos.empty())
    config.eosTokens = eos;
  return config;
}
