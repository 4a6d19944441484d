//===- HfConfig.cpp - config.json of Hugging Face checkpoints -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Import/HfConfig.h"
#include "qopt/IO/TensorIndex.h"

#include <filesystem>

using namespace qopt;
namespace fs = std::filesystem;

//===----------------------------------------------------------------------===//
// Checked members
//===----------------------------------------------------------------------===//

/// The member itself for error messages, or the object it is missing from.
static JsonValue member(JsonValue object, std::string_view key) {
  return object.find(key).value_or(object);
}

static Result<int64_t> readCount(JsonValue object, std::string_view key,
                                 CountRange range) {
  QOPT_ASSIGN(int64_t value, object.getInt(key));
  if (value < range.least || value > range.most)
    return member(object, key)
        .error("must be ", range.least, " to ", range.most, ", not ", value);
  return value;
}

static Result<int64_t> readCount(JsonValue object, std::string_view key,
                                 CountRange range, int64_t fallback) {
  return object.find(key) ? readCount(object, key, range)
                          : Result<int64_t>(fallback);
}

/// A number in (0, most].
static Result<double> readPositive(JsonValue object, std::string_view key,
                                   double most) {
  QOPT_ASSIGN(double value, object.getDouble(key));
  if (!(value > 0 && value <= most))
    return member(object, key)
        .error("must be above 0 and at most ", most, ", not ", value);
  return value;
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

/// Keys that change what a model computes, and the value that does not.
static Status checkNeutral(JsonValue root) {
  struct {
    std::string_view key, reason;
  } refused[] = {
      {"auto_map", "the model needs Python code from its repository, which is "
                   "never run"},
      {"num_experts", "mixtures of experts are not supported"},
      {"num_local_experts", "mixtures of experts are not supported"},
      {"attn_logit_softcapping", "capped logits are not supported"},
      {"final_logit_softcapping", "capped logits are not supported"},
      {"embedding_multiplier", "scaled embeddings are not supported"},
      {"residual_multiplier", "scaled residuals are not supported"},
      {"attention_multiplier", "scaled attention is not supported"},
      {"logits_scaling", "scaled logits are not supported"},
  };
  for (const auto &[key, reason] : refused)
    if (std::optional<JsonValue> value = root.find(key))
      return value->error(reason);
  QOPT_ASSIGN(double rotated, root.getDouble("partial_rotary_factor", 1));
  if (rotated != 1)
    return member(root, "partial_rotary_factor")
        .error("only whole heads can be rotated");
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

static Result<llm::Activation> readActivation(JsonValue root) {
  QOPT_ASSIGN(std::string_view name, root.getString("hidden_act", "silu"));
  if (name == "silu" || name == "swish")
    return llm::Activation::Silu;
  if (name == "gelu")
    return llm::Activation::Gelu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new")
    return llm::Activation::GeluTanh;
  return member(root, "hidden_act")
      .error("'", name,
             "' is not supported; supported are silu, gelu, "
             "gelu_pytorch_tanh");
}

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

static Result<RopeScaling> readRopeScaling(JsonValue scaling) {
  if (!scaling.isObject())
    return scaling.error("must be an object");
  const char *key = scaling.find("rope_type") ? "rope_type" : "type";
  QOPT_ASSIGN(std::string_view type, scaling.getString(key, "default"));
  RopeScaling result;
  if (type == "default")
    return result;
  if (type != "linear" && type != "llama3")
    return member(scaling, key)
        .error("'", type,
               "' is not supported; supported are "
               "default, linear, llama3");
  QOPT_ASSIGN(result.factor,
              readPositive(scaling, "factor", limits::mostRopeFactor));
  if (type == "linear") {
    result.kind = RopeScaling::Kind::Linear;
    return result;
  }
  result.kind = RopeScaling::Kind::Llama3;
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

/// `rope_theta` and `rope_scaling`, or both inside `rope_parameters`.
static Status readRope(JsonValue root, ModelConfig &config) {
  std::optional<JsonValue> parameters = root.find("rope_parameters");
  std::optional<JsonValue> scaling =
      parameters ? parameters : root.find("rope_scaling");
  if (scaling) {
    QOPT_ASSIGN(config.ropeScaling, readRopeScaling(*scaling));
  }
  JsonValue place =
      parameters && parameters->find("rope_theta") ? *parameters : root;
  if (place.find("rope_theta")) {
    QOPT_ASSIGN(config.ropeTheta,
                readPositive(place, "rope_theta", limits::mostRopeTheta));
  }
  return {};
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
  Architecture::Window kind = config.architecture->window;
  if (kind == Architecture::Window::Never)
    return {};
  bool conditional = kind == Architecture::Window::ByConfig;
  if (conditional) {
    QOPT_ASSIGN(bool used, root.getBool("use_sliding_window", false));
    if (!used)
      return {};
  }
  if (!root.find("sliding_window"))
    return {};
  QOPT_ASSIGN(config.slidingWindow,
              readCount(root, "sliding_window", limits::positions));
  if (std::optional<JsonValue> types = root.find("layer_types"))
    return readLayerTypes(*types, config);
  if (conditional) {
    QOPT_ASSIGN(int64_t first,
                readCount(root, "max_window_layers", {0, limits::layers.most}));
    for (int64_t layer = 0; layer < config.layers; ++layer)
      config.windowed.push_back(layer >= first);
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
  QOPT_ASSIGN(config.heads,
              readCount(root, "num_attention_heads", limits::heads));
  QOPT_ASSIGN(config.kvHeads, readCount(root, "num_key_value_heads",
                                        limits::heads, config.heads));
  QOPT_ASSIGN(config.intermediateSize,
              readCount(root, "intermediate_size", limits::intermediateSize));
  QOPT_ASSIGN(config.vocabularySize,
              readCount(root, "vocab_size", limits::vocabularySize));
  QOPT_ASSIGN(config.maxPositions,
              readCount(root, "max_position_embeddings", limits::positions));
  int64_t fallback = config.architecture->defaultHeadDim;
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
  config.headNorm = architecture.headNorm;
  return {};
}

Result<ModelConfig> qopt::parseHfConfig(JsonValue root,
                                        const std::string &file) {
  if (!root.isObject())
    return badInput(file, ": is not a JSON object");
  QOPT_CHECK(checkNeutral(root));
  ModelConfig config;
  QOPT_ASSIGN(config.architecture, readArchitecture(root));
  QOPT_CHECK(readShape(root, file, config));
  QOPT_CHECK(readBiases(root, config));
  QOPT_ASSIGN(config.activation, readActivation(root));
  QOPT_ASSIGN(config.rmsNormEps, readPositive(root, "rms_norm_eps", 1));
  QOPT_CHECK(readRope(root, config));
  QOPT_CHECK(readWindow(root, config));
  QOPT_ASSIGN(config.tiedEmbeddings,
              root.getBool("tie_word_embeddings", false));
  QOPT_ASSIGN(std::vector<int64_t> bos,
              readTokens(root, "bos_token_id", config.vocabularySize));
  if (!bos.empty())
    config.bosToken = bos.front();
  QOPT_ASSIGN(config.eosTokens,
              readTokens(root, "eos_token_id", config.vocabularySize));
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
