//===- GgufModel.cpp - what a GGUF file says about a model
//-------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GgufModel.h"

#include "qopt/Dialect/LLM/LLMOps.h"

#include <cmath>

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;
using qopt::llm::LLMDialect;

namespace {

/// Typed access to a dictionary of the module; errors name the key.
class ConfigReader {
public:
  ConfigReader(DictionaryAttr entries, std::string place)
      : entries(entries), place(std::move(place)) {}

  /// Counts of a model; GGUF stores them in 32 bits.
  Result<int64_t> count(StringRef key) const {
    auto value = entries.getAs<IntegerAttr>(key);
    if (!value || value.getInt() < 1 || value.getInt() > INT32_MAX)
      return wrong(key, "a count from 1 to 2147483647");
    return value.getInt();
  }
  Result<double> positive(StringRef key) const {
    auto value = entries.getAs<FloatAttr>(key);
    double number = value ? value.getValueAsDouble() : 0;
    if (!(number > 0) || !std::isfinite(float(number)))
      return wrong(key, "a positive number");
    return number;
  }
  Result<std::string> text(StringRef key) const {
    auto value = entries.getAs<StringAttr>(key);
    if (!value)
      return wrong(key, "a string");
    return value.str();
  }
  bool has(StringRef key) const { return entries.contains(key); }

private:
  tl::unexpected<Error> wrong(StringRef key, const char *expected) const {
    return badInput(place, ": '", key.str(), "' must be ", expected);
  }
  DictionaryAttr entries;
  std::string place;
};

Result<RopeScaling> readScaling(DictionaryAttr entries) {
  RopeScaling scaling;
  ConfigReader reader(entries, "llm.config: rope_scaling");
  QOPT_ASSIGN(std::string kind, reader.text("rope_type"));
  QOPT_ASSIGN(scaling.factor, reader.positive("factor"));
  if (kind == "linear") {
    scaling.kind = RopeScaling::Kind::Linear;
    return scaling;
  }
  if (kind != "llama3")
    return badInput("llm.config: rope_scaling: type '", kind,
                    "' is neither linear nor llama3");
  scaling.kind = RopeScaling::Kind::Llama3;
  QOPT_ASSIGN(scaling.lowFrequencyFactor, reader.positive("low_freq_factor"));
  QOPT_ASSIGN(scaling.highFrequencyFactor, reader.positive("high_freq_factor"));
  QOPT_ASSIGN(scaling.originalContext,
              reader.count("original_max_position_embeddings"));
  return scaling;
}

/// Whether the module rotates neighbouring channels.
Result<bool> rotatesNeighbours(ModuleOp module) {
  bool neighbours = false, halves = false;
  module.walk([&](llm::RopeOp rope) {
    (rope.getInterleaved() ? neighbours : halves) = true;
  });
  if (neighbours && halves)
    return badInput("some llm.rope ops are interleaved and some are not; a "
                    "GGUF file knows one kind");
  return neighbours;
}

/// Refuses what a module computes and no key of these architectures can say:
/// whoever reads the file would compute something else.
Status checkComputation(ModuleOp module, const GgufModel &model) {
  auto refuse = [&](const auto &...parts) {
    return badInput(parts..., ", which a GGUF file of the ", model.architecture,
                    " architecture cannot say");
  };
  Status status;
  module.walk([&](llm::GatedOp gated) {
    if (gated.getActivation() != llm::Activation::Silu)
      status = refuse("llm.gated computes ",
                      stringifyActivation(gated.getActivation()).str());
  });
  module.walk([&](llm::AttentionOp attention) {
    if (attention.getWindow() !=
        (model.slidingWindow ? std::optional<uint64_t>(*model.slidingWindow)
                             : std::nullopt))
      status = refuse("layers have different windows");
  });
  if (model.slidingWindow && *model.slidingWindow < model.maxPositions &&
      model.family->window == Architecture::Window::ByConfig)
    status = refuse("layers have windows");
  const RopeScaling usual;
  const RopeScaling &scaling = model.ropeScaling;
  if (scaling.kind == RopeScaling::Kind::Llama3 &&
      (scaling.lowFrequencyFactor != usual.lowFrequencyFactor ||
       scaling.highFrequencyFactor != usual.highFrequencyFactor))
    status =
        refuse("llama3 rope_scaling has the band ", scaling.lowFrequencyFactor,
               " to ", scaling.highFrequencyFactor, " instead of 1 to 4");
  return status;
}

} // namespace

Result<GgufModel> GgufModel::read(ModuleOp module) {
  auto entries = module->getAttrOfType<DictionaryAttr>(LLMDialect::kConfig);
  if (!entries)
    return badInput("the module has no llm.config, from which the metadata of "
                    "a GGUF file is made; import the model with qopt import");
  ConfigReader config(entries, "llm.config");
  GgufModel model;
  QOPT_ASSIGN(std::string family, config.text("arch"));
  model.family = findArchitecture(family);
  if (!model.family)
    return badInput("llm.config: arch '", family, "' is none of ",
                    supportedArchitectures());
  // Mistral has no architecture of its own in GGUF.
  model.architecture =
      model.family->ggufName.empty() ? "llama" : model.family->ggufName;
  if (config.has("name")) {
    QOPT_ASSIGN(model.name, config.text("name"));
  }
  QOPT_ASSIGN(model.hiddenSize, config.count("hidden_size"));
  QOPT_ASSIGN(model.layers, config.count("num_hidden_layers"));
  QOPT_ASSIGN(model.heads, config.count("num_attention_heads"));
  QOPT_ASSIGN(model.kvHeads, config.count("num_key_value_heads"));
  QOPT_ASSIGN(model.headDim, config.count("head_dim"));
  QOPT_ASSIGN(model.intermediateSize, config.count("intermediate_size"));
  QOPT_ASSIGN(model.vocabularySize, config.count("vocab_size"));
  QOPT_ASSIGN(model.maxPositions, config.count("max_position_embeddings"));
  QOPT_ASSIGN(model.rmsNormEps, config.positive("rms_norm_eps"));
  QOPT_ASSIGN(model.ropeTheta, config.positive("rope_theta"));
  if (auto scaling = entries.getAs<DictionaryAttr>("rope_scaling")) {
    QOPT_ASSIGN(model.ropeScaling, readScaling(scaling));
  }
  if (config.has("sliding_window")) {
    QOPT_ASSIGN(model.slidingWindow, config.count("sliding_window"));
  }
  if (model.headDim % 2 != 0)
    return badInput("llm.config: head_dim ", model.headDim, " is odd");

  QOPT_ASSIGN(bool neighbours, rotatesNeighbours(module));
  if (neighbours && !model.family->ggufInterleavedRope)
    return badInput("llm.rope is interleaved, but GGUF files of the ",
                    model.architecture, " architecture rotate halves");
  model.reordersHeads = model.family->ggufInterleavedRope && !neighbours;
  QOPT_CHECK(checkComputation(module, model));
  return model;
}

std::vector<float> GgufModel::ropeFactors() const {
  if (ropeScaling.kind != RopeScaling::Kind::Llama3)
    return {};
  std::vector<float> factors = ropeFrequencies(headDim, ropeTheta);
  std::vector<float> scaled = ropeFrequencies(headDim, ropeTheta, ropeScaling);
  for (auto [factor, frequency] : llvm::zip_equal(factors, scaled))
    factor /= frequency;
  return factors;
}

void GgufModel::writeKeys(GgufMetadata &metadata) const {
  metadata.setString("general.architecture", architecture);
  metadata.setString("general.type", "model");
  if (!name.empty())
    metadata.setString("general.name", name);
  auto count = [&](std::string_view key, int64_t value) {
    metadata.setU32(str(architecture, ".", key), uint32_t(value));
  };
  auto number = [&](std::string_view key, double value) {
    metadata.setF32(str(architecture, ".", key), float(value));
  };
  count("vocab_size", vocabularySize);
  count("context_length", maxPositions);
  count("embedding_length", hiddenSize);
  count("block_count", layers);
  count("feed_forward_length", intermediateSize);
  count("attention.head_count", heads);
  count("attention.head_count_kv", kvHeads);
  count("attention.key_length", headDim);
  count("attention.value_length", headDim);
  number("attention.layer_norm_rms_epsilon", rmsNormEps);
  if (slidingWindow)
    count("attention.sliding_window", *slidingWindow);
  count("rope.dimension_count", headDim);
  number("rope.freq_base", ropeTheta);
  if (ropeScaling.kind == RopeScaling::Kind::Linear) {
    metadata.setString(architecture + ".rope.scaling.type", "linear");
    number("rope.scaling.factor", ropeScaling.factor);
  }
  // The rest of the scaling follows from ropeFactors().
  if (ropeScaling.kind == RopeScaling::Kind::Llama3)
    count("rope.scaling.original_context_length", ropeScaling.originalContext);
}
