//===- ConfigAttribute.cpp - llm.config -----------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Import/BuildModule.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace qopt;

/// As `rope_scaling` stands in config.json.
static DictionaryAttr scalingDictionary(Builder &builder,
                                        const RopeScaling &scaling) {
  auto number = [&](StringRef key, double value) {
    return builder.getNamedAttr(key, builder.getF64FloatAttr(value));
  };
  bool linear = scaling.kind == RopeScaling::Kind::Linear;
  SmallVector<NamedAttribute> entries = {
      builder.getNamedAttr("rope_type",
                           builder.getStringAttr(linear ? "linear" : "llama3")),
      number("factor", scaling.factor)};
  if (!linear) {
    entries.push_back(number("low_freq_factor", scaling.lowFrequencyFactor));
    entries.push_back(number("high_freq_factor", scaling.highFrequencyFactor));
    entries.push_back(builder.getNamedAttr(
        "original_max_position_embeddings",
        builder.getI64IntegerAttr(scaling.originalContext)));
  }
  return builder.getDictionaryAttr(entries);
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

  text("arch", StringRef(config.architecture->name));
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
  text("hidden_act", activationName(config.activation));
  flag("attention_bias", config.queryKeyValueBias);
  flag("mlp_bias", config.mlpBias);
  flag("tie_word_embeddings", config.tiedEmbeddings);
  if (config.slidingWindow)
    count("sliding_window", *config.slidingWindow);
  if (config.bosToken)
    count("bos_token_id", *config.bosToken);
  if (config.eosTokens.size() == 1)
    count("eos_token_id", config.eosTokens.front());
  else if (!config.eosTokens.empty())
    set("eos_token_id", builder.getI64ArrayAttr(config.eosTokens));
  return entries.getDictionary(&context);
}
