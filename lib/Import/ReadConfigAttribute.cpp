//===- ReadConfigAttribute.cpp - llm.config back to a configuration -------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Import/BuildModule.h"

#include <cmath>

using namespace mlir;
using namespace qopt;
using qopt::llm::LLMDialect;

namespace {

/// Typed access to a dictionary of the module; errors name the key.
class ConfigReader {
public:
  ConfigReader(DictionaryAttr entries, std::string place)
      : entries(entries), place(std::move(place)) {}

  Result<int64_t> count(StringRef key, CountRange range) const {
    auto value = entries.getAs<IntegerAttr>(key);
    if (!value || !value.getType().isSignlessInteger(64) ||
        value.getInt() < range.least || value.getInt() > range.most)
      return wrong(key, "a count from ", range.least, " to ", range.most);
    return value.getInt();
  }
  Result<double> positive(StringRef key) const {
    auto value = entries.getAs<FloatAttr>(key);
    double number = value ? value.getValueAsDouble() : 0;
    if (!(number > 0) || !std::isfinite(float(number)))
      return wrong(key, "a positive number");
    return number;
  }
  Result<std::optional<double>> optional(StringRef key) const {
    if (!has(key))
      return std::nullopt;
    return positive(key);
  }
  Result<std::string> text(StringRef key) const {
    auto value = entries.getAs<StringAttr>(key);
    if (!value)
      return wrong(key, "a string");
    return value.str();
  }
  Result<std::vector<double>> divisors(StringRef key) const {
    auto list = entries.getAs<ArrayAttr>(key);
    std::vector<double> result;
    for (Attribute entry : list ? list.getValue() : ArrayRef<Attribute>()) {
      auto value = dyn_cast<FloatAttr>(entry);
      if (!value || !(value.getValueAsDouble() > 0))
        return wrong(key, "a list of positive numbers");
      result.push_back(value.getValueAsDouble());
    }
    return result;
  }
  bool flag(StringRef key, bool fallback) const {
    auto value = entries.getAs<BoolAttr>(key);
    return value ? value.getValue() : fallback;
  }
  bool has(StringRef key) const { return entries.contains(key); }
  Attribute get(StringRef key) const { return entries.get(key); }

  template <typename... Parts>
  tl::unexpected<Error> wrong(StringRef key, const Parts &...expected) const {
    return badInput(place, ": '", key.str(), "' must be ", expected...);
  }

private:
  DictionaryAttr entries;
  std::string place;
};

} // namespace

static Result<RopeScaling> readScaling(DictionaryAttr entries) {
  RopeScaling scaling;
  ConfigReader reader(entries, "llm.config: rope_scaling");
  using Kind = RopeScaling::Kind;
  QOPT_ASSIGN(std::string kind, reader.text("rope_type"));
  if (kind == "linear")
    scaling.kind = Kind::Linear;
  else if (kind == "llama3")
    scaling.kind = Kind::Llama3;
  else if (kind == "yarn")
    scaling.kind = Kind::Yarn;
  else if (kind == "longrope")
    scaling.kind = Kind::LongRope;
  else
    return badInput("llm.config: rope_scaling: type '", kind,
                    "' is none of linear, llama3, yarn, longrope");
  if (scaling.kind != Kind::LongRope) {
    QOPT_ASSIGN(scaling.factor, reader.positive("factor"));
  }
  if (scaling.kind != Kind::Linear) {
    QOPT_ASSIGN(
        scaling.originalContext,
        reader.count("original_max_position_embeddings", limits::positions));
  }
  if (scaling.kind == Kind::Llama3) {
    QOPT_ASSIGN(scaling.lowFrequencyFactor, reader.positive("low_freq_factor"));
    QOPT_ASSIGN(scaling.highFrequencyFactor,
                reader.positive("high_freq_factor"));
  }
  if (scaling.kind == Kind::Yarn) {
    QOPT_ASSIGN(scaling.betaFast, reader.positive("beta_fast"));
    QOPT_ASSIGN(scaling.betaSlow, reader.positive("beta_slow"));
  }
  if (scaling.kind == Kind::LongRope) {
    QOPT_ASSIGN(scaling.shortFactors, reader.divisors("short_factor"));
    QOPT_ASSIGN(scaling.longFactors, reader.divisors("long_factor"));
  }
  if (scaling.kind == Kind::Yarn || scaling.kind == Kind::LongRope) {
    QOPT_ASSIGN(scaling.magnitude, reader.positive("attention_factor"));
  }
  return scaling;
}

static Status readShape(const ConfigReader &reader, ModelConfig &config) {
  QOPT_ASSIGN(config.hiddenSize,
              reader.count("hidden_size", limits::hiddenSize));
  QOPT_ASSIGN(config.layers, reader.count("num_hidden_layers", limits::layers));
  QOPT_ASSIGN(config.heads, reader.count("num_attention_heads", limits::heads));
  QOPT_ASSIGN(config.kvHeads,
              reader.count("num_key_value_heads", limits::heads));
  QOPT_ASSIGN(config.headDim, reader.count("head_dim", limits::headDim));
  QOPT_ASSIGN(config.intermediateSize,
              reader.count("intermediate_size", limits::intermediateSize));
  QOPT_ASSIGN(config.vocabularySize,
              reader.count("vocab_size", limits::vocabularySize));
  QOPT_ASSIGN(config.maxPositions,
              reader.count("max_position_embeddings", limits::positions));
  QOPT_ASSIGN(config.rmsNormEps, reader.positive("rms_norm_eps"));
  return checkStructure(
      config, "llm.config",
      {"num_attention_heads", "num_key_value_heads", "head_dim"});
}

static Status readRope(const ConfigReader &reader, ModelConfig &config) {
  QOPT_ASSIGN(config.ropeTheta, reader.positive("rope_theta"));
  QOPT_ASSIGN(config.localRopeTheta, reader.optional("rope_local_base_freq"));
  if (auto scaling =
          dyn_cast_or_null<DictionaryAttr>(reader.get("rope_scaling"))) {
    QOPT_ASSIGN(config.ropeScaling, readScaling(scaling));
  }
  constexpr const char *partialKey = "partial_rotary_factor";
  if (reader.has(partialKey)) {
    QOPT_ASSIGN(double rotated, reader.positive(partialKey));
    config.rotaryDim =
        std::llround(std::min(rotated, 1.) * double(config.headDim));
  }
  return checkRotation(config, "llm.config", partialKey);
}

static Status readWindows(const ConfigReader &reader, ModelConfig &config) {
  if (!reader.has("sliding_window"))
    return {};
  QOPT_ASSIGN(config.slidingWindow,
              reader.count("sliding_window", limits::positions));
  auto types = dyn_cast_or_null<ArrayAttr>(reader.get("layer_types"));
  if (!types)
    return {};
  for (Attribute type : types) {
    auto name = dyn_cast<StringAttr>(type);
    config.windowed.push_back(name && name.getValue() == "sliding_attention");
  }
  if (int64_t(config.windowed.size()) != config.layers)
    return reader.wrong("layer_types", "a list of ", config.layers, " strings");
  return {};
}

static Status readExperts(const ConfigReader &reader, ModelConfig &config) {
  const Architecture &family = *config.architecture;
  if (!family.hasExperts())
    return {};
  QOPT_ASSIGN(config.experts, reader.count(family.expertsKey, limits::experts));
  QOPT_ASSIGN(config.expertsPerToken,
              reader.count("num_experts_per_tok", {1, config.experts}));
  QOPT_ASSIGN(config.expertSize,
              reader.count(family.expertSizeKey, limits::intermediateSize));
  config.normalizedRouting = reader.flag("norm_topk_prob", true);
  return {};
}

Result<ModelConfig> qopt::readConfigAttribute(ModuleOp module) {
  auto entries = module->getAttrOfType<DictionaryAttr>(LLMDialect::kConfig);
  if (!entries)
    return badInput("the module has no llm.config, which says what model it "
                    "holds; import the model with qopt import");
  ConfigReader reader(entries, "llm.config");
  ModelConfig config;
  QOPT_ASSIGN(std::string family, reader.text("arch"));
  config.architecture = findArchitecture(family);
  if (!config.architecture)
    return badInput("llm.config: arch '", family, "' is none of ",
                    supportedArchitectures());
  if (reader.has("name")) {
    QOPT_ASSIGN(config.name, reader.text("name"));
  }
  QOPT_CHECK(readShape(reader, config));
  QOPT_CHECK(readRope(reader, config));
  QOPT_CHECK(readWindows(reader, config));
  QOPT_CHECK(readExperts(reader, config));
  QOPT_ASSIGN(config.attentionScalar, reader.optional("query_pre_attn_scalar"));
  QOPT_ASSIGN(config.attentionSoftcap,
              reader.optional("attn_logit_softcapping"));
  QOPT_ASSIGN(config.logitSoftcap, reader.optional("final_logit_softcapping"));
  if (config.architecture->scaledEmbedding)
    config.embeddingScale = std::sqrt(double(config.hiddenSize));
  config.tiedEmbeddings = reader.flag("tie_word_embeddings", false);
  return config;
}
