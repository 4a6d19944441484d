//===- ConfigAttribute.cpp - llm.config -----------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Import/BuildModule.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace qopt;

static StringRef scalingName(RopeScaling::Kind kind) {
  switch (kind) {
  case RopeScaling::Kind::None:
    break;
  case RopeScaling::Kind::Linear:
    return "linear";
  case RopeScaling::Kind::Llama3:
    return "llama3";
  case RopeScaling::Kind::Yarn:
    return "yarn";
  case RopeScaling::Kind::LongRope:
    return "longrope";
  }
  return "default";
}

/// As `rope_scaling` stands in config.json.
static DictionaryAttr scalingDictionary(Builder &builder,
                                        const RopeScaling &scaling) {
  NamedAttrList entries;
  auto number = [&](StringRef key, double value) {
    entries.set(key, builder.getF64FloatAttr(value));
  };
  auto numbers = [&](StringRef key, const std::vector<double> &values) {
    entries.set(key, builder.getF64ArrayAttr(values));
  };
  using Kind = RopeScaling::Kind;
  entries.set("rope_type", builder.getStringAttr(scalingName(scaling.kind)));
  if (scaling.kind != Kind::LongRope)
    number("factor", scaling.factor);
  if (scaling.kind != Kind::Linear)
    entries.set("original_max_position_embeddings",
                builder.getI64IntegerAttr(scaling.originalContext));
  if (scaling.kind == Kind::Llama3) {
    number("low_freq_factor", scaling.lowFrequencyFactor);
    number("high_freq_factor", scaling.highFrequencyFactor);
  }
  if (scaling.kind == Kind::Yarn) {
    number("beta_fast", scaling.betaFast);
    number("beta_slow", scaling.betaSlow);
  }
  if (scaling.kind == Kind::LongRope) {
    numbers("short_factor", scaling.shortFactors);
    numbers("long_factor", scaling.longFactors);
  }
  if (scaling.kind == Kind::Yarn || scaling.kind == Kind::LongRope)
    number("attention_factor", scaling.magnitude);
  return entries.getDictionary(builder.getContext());
}

/// The name of an activation in config.json.
static StringRef activationName(llm::Activation activation) {
  switch (activation) {
  case llm::Activation::Silu:
    return "silu";
  case llm::Activation::Gelu:
    return "gelu";
  case llm::Activation::GeluTanh:
    return "gelu_pytorch_tanh";
  }
  return "";
}

DictionaryAttr qopt::configAttribute(MLIRContext &context,
                                     const ModelConfig &config) {
  Builder builder(&context);
  const Architecture &family = *config.architecture;
  NamedAttrList entries;
  auto set = [&](StringRef key, Attribute value) { entries.set(key, value); };
  auto text = [&](StringRef key, StringRef value) {
    set(key, builder.getStringAttr(value));
  };
  auto count = [&](StringRef key, int64_t value) {
    set(key, builder.getI64IntegerAttr(value));
  };
  auto flag = [&](StringRef key, bool value) {
    set(key, builder.getBoolAttr(value));
  };
  auto number = [&](StringRef key, double value) {
    set(key, builder.getF64FloatAttr(value));
  };

  text("arch", StringRef(family.name));
  if (!config.name.empty())
    text("name", config.name);
  count("hidden_size", config.hiddenSize);
  count("num_hidden_layers", config.layers);
  count("num_attention_heads", config.heads);
  count("num_key_value_heads", config.kvHeads);
  count("head_dim", config.headDim);
  count("intermediate_size", config.intermediateSize);
  count("vocab_size", config.vocabularySize);
  count("max_position_embeddings", config.maxPositions);
  number("rms_norm_eps", config.rmsNormEps);
  number("rope_theta", config.ropeTheta);
  if (config.ropeScaling.kind != RopeScaling::Kind::None)
    set("rope_scaling", scalingDictionary(builder, config.ropeScaling));
  if (config.rotatedChannels() != config.headDim)
    number("partial_rotary_factor",
           double(config.rotatedChannels()) / double(config.headDim));
  if (config.localRopeTheta)
    number("rope_local_base_freq", *config.localRopeTheta);
  text(family.activationKey, activationName(config.activation));
  flag("attention_bias", config.queryKeyValueBias);
  flag("mlp_bias", config.mlpBias);
  flag("tie_word_embeddings", config.tiedEmbeddings);
  if (config.slidingWindow)
    count("sliding_window", *config.slidingWindow);
  if (config.slidingWindow && !config.windowed.empty()) {
    SmallVector<StringRef> types;
    for (bool windowed : config.windowed)
      types.push_back(windowed ? "sliding_attention" : "full_attention");
    set("layer_types", builder.getStrArrayAttr(types));
  }
  for (auto [key, value] :
       {std::pair{"query_pre_attn_scalar", config.attentionScalar},
        {"attn_logit_softcapping", config.attentionSoftcap},
        {"final_logit_softcapping", config.logitSoftcap}})
    if (value)
      number(key, *value);
  if (config.experts > 0) {
    count(family.expertsKey, config.experts);
    count("num_experts_per_tok", config.expertsPerToken);
    count(family.expertSizeKey, config.expertSize);
    flag("norm_topk_prob", config.normalizedRouting);
  }
  if (config.bosToken)
    count("bos_token_id", *config.bosToken);
  if (config.eosTokens.size() == 1)
    count("eos_token_id", config.eosTokens.front());
  else if (!config.eosTokens.empty())
    set("eos_token_id", builder.getI64ArrayAttr(config.eosTokens));
  return entries.getDictionary(&context);
}
