//===- QuantizationConfig.cpp - how a checkpoint is quantized -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Import/QuantizationConfig.h"
#include "qopt/IO/TensorIndex.h"

#include <algorithm>
#include <filesystem>

using namespace qopt;
namespace fs = std::filesystem;

using Method = QuantizationConfig::Method;

/// The member itself for error messages, or the object it is missing from.
static JsonValue member(JsonValue object, std::string_view key) {
  return object.find(key).value_or(object);
}

static std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  return result;
}

/// A string member that must be one of `accepted`, if it is there.
static Status expect(JsonValue object, std::string_view key,
                     std::initializer_list<std::string_view> accepted) {
  if (!object.find(key))
    return {};
  QOPT_ASSIGN(std::string_view value, object.getString(key));
  std::string list;
  for (std::string_view each : accepted) {
    if (lower(value) == each)
      return {};
    list += (list.empty() ? "" : ", ") + std::string(each);
  }
  return member(object, key)
      .error("'", std::string(value.substr(0, 80)),
             "' is not supported; supported are ", list);
}

/// `group_size` -1, or null, which compressed-tensors has for whole rows.
static Result<bool> readWholeRows(JsonValue config) {
  QOPT_ASSIGN(int64_t group, config.getInt("group_size", -1));
  return group < 0;
}

static Status readGptq(JsonValue config, QuantizationConfig &result) {
  result.method = Method::Gptq;
  QOPT_CHECK(expect(config, "checkpoint_format", {"gptq", "gptq_v2"}));
  QOPT_CHECK(expect(config, "pack_dtype", {"int32"}));
  QOPT_ASSIGN(bool marlin, config.getBool("is_marlin_format", false));
  if (marlin)
    return member(config, "is_marlin_format")
        .error("the weights are packed for one kind of GPU; import the "
               "checkpoint that they were packed from");
  QOPT_ASSIGN(result.wholeRows, readWholeRows(config));
  QOPT_ASSIGN(std::string_view format,
              config.getString("checkpoint_format", "gptq"));
  result.zerosAsTheyAre = lower(format) == "gptq_v2";
  QOPT_ASSIGN(result.actOrder, config.getBool("desc_act", false));
  return {};
}

static Status readAwq(JsonValue config, QuantizationConfig &result) {
  result.method = Method::Awq;
  QOPT_ASSIGN(result.wholeRows, readWholeRows(config));
  return expect(config, "version", {"gemm"});
}

/// One member of config_groups.
static Status readGroup(JsonValue group, QuantizationConfig &result) {
  for (const char *key : {"input_activations", "output_activations"})
    if (std::optional<JsonValue> value = group.find(key))
      return value->error("activations are quantized too, which qopt does not "
                          "import");
  QOPT_ASSIGN(JsonValue weights, group.getObject("weights"));
  QOPT_CHECK(expect(weights, "type", {"int"}));
  QOPT_CHECK(expect(weights, "strategy", {"group", "channel"}));
  QOPT_ASSIGN(int64_t bits, weights.getInt("num_bits"));
  if (bits < 2 || bits > 8)
    return member(weights, "num_bits").error("must be 2 to 8, not ", bits);
  result.bits.push_back(int(bits));
  QOPT_ASSIGN(bool wholeRows, readWholeRows(weights));
  result.wholeRows &= wholeRows;
  return {};
}

static Status readPackQuantized(JsonValue config, QuantizationConfig &result) {
  result.method = Method::PackQuantized;
  QOPT_CHECK(expect(config, "format", {"pack-quantized"}));
  QOPT_CHECK(expect(config, "quantization_status", {"compressed", "frozen"}));
  if (std::optional<JsonValue> cache = config.find("kv_cache_scheme"))
    return cache->error("the KV cache is quantized too, which qopt does not "
                        "import");
  if (std::optional<JsonValue> sparsity = config.find("sparsity_config");
      sparsity && sparsity->size() > 0)
    QOPT_CHECK(expect(*sparsity, "format", {"dense"}));
  result.wholeRows = true; // unless one of the groups has groups
  QOPT_ASSIGN(JsonValue groups, config.getObject("config_groups"));
  for (size_t i = 0; i < groups.size(); ++i)
    QOPT_CHECK(readGroup(groups[i], result));
  return {};
}

static Result<QuantizationConfig> readConfig(JsonValue config,
                                             std::string_view fallback) {
  if (!config.isObject())
    return config.error("must be an object");
  QuantizationConfig result;
  QOPT_ASSIGN(std::string_view method,
              config.getString("quant_method", fallback));
  if (method == "gptq")
    QOPT_CHECK(readGptq(config, result));
  else if (method == "awq")
    QOPT_CHECK(readAwq(config, result));
  else if (method == "compressed-tensors")
    QOPT_CHECK(readPackQuantized(config, result));
  else
    return member(config, "quant_method")
        .error("weights quantized by '", std::string(method.substr(0, 80)),
               "' are not supported; supported are gptq, awq, "
               "compressed-tensors");
  return result;
}

Result<std::optional<QuantizationConfig>>
qopt::parseQuantizationConfig(JsonValue root) {
  for (const char *key : {"quantization_config", "compression_config"})
    if (std::optional<JsonValue> config = root.find(key)) {
      QOPT_ASSIGN(QuantizationConfig result, readConfig(*config, ""));
      return std::optional(result);
    }
  return std::optional<QuantizationConfig>();
}

Result<std::optional<QuantizationConfig>>
qopt::readQuantizationConfig(const std::string &directory) {
  QOPT_ASSIGN(std::string file, checkpointMember(directory, "config.json"));
  QOPT_ASSIGN(JsonDocument document, JsonDocument::load(file));
  QOPT_ASSIGN(std::optional<QuantizationConfig> config,
              parseQuantizationConfig(document.root()));
  std::error_code failed;
  constexpr const char *old = "quantize_config.json";
  if (config || !fs::exists(fs::path(directory) / old, failed))
    return config;
  QOPT_ASSIGN(std::string oldFile, checkpointMember(directory, old));
  QOPT_ASSIGN(JsonDocument oldDocument, JsonDocument::load(oldFile));
  QOPT_ASSIGN(QuantizationConfig result,
              readConfig(oldDocument.root(), "gptq"));
  return std::optional(result);
}
