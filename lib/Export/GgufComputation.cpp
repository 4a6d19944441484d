//===- GgufComputation.cpp - whether a GGUF file can say what is computed -===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A file names an architecture, and programs that read it know the rest: its
// activation, which layers have windows, what scores are scaled by. A module
// that computes anything else must not be written as that architecture.
//
//===----------------------------------------------------------------------===//
#include "GgufModel.h"

#include "qopt/Dialect/LLM/LLMOps.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;
using Window = Architecture::Window;

namespace {
/// Collects the last reason against an export.
class Check {
public:
  explicit Check(const GgufModel &model)
      : model(model), config(model.config), family(*config.architecture) {}

  void configuration();
  void operator()(llm::GatedOp gated);
  void operator()(llm::AttentionOp attention);
  void operator()(llm::EmbeddingOp embedding);
  void operator()(llm::SoftcapOp softcap);
  void operator()(llm::RouteOp route);

  Status status;

private:
  void windows();
  void scaling();
  template <typename... Parts> void refuse(const Parts &...parts) {
    status = badInput(parts..., ", which a GGUF file of the ",
                      model.architecture(), " architecture cannot say");
  }
  bool differ(std::optional<APFloat> actual,
              std::optional<double> expected) const {
    return actual.has_value() != expected.has_value() ||
           (actual && actual->convertToFloat() != float(*expected));
  }

  const GgufModel &model;
  const ModelConfig &config;
  const Architecture &family;
};
} // namespace

void Check::windows() {
  if (!config.slidingWindow)
    return;
  if (family.window == Window::ByConfig &&
      *config.slidingWindow < config.maxPositions)
    return refuse("layers have windows");
  if (family.window == Window::Alternating ? !windowPeriod(config)
                                           : !llvm::all_equal(config.windowed))
    refuse("layers have different windows");
}

void Check::scaling() {
  const RopeScaling usual;
  const RopeScaling &scaling = config.ropeScaling;
  if (scaling.kind == RopeScaling::Kind::Llama3 &&
      (scaling.lowFrequencyFactor != usual.lowFrequencyFactor ||
       scaling.highFrequencyFactor != usual.highFrequencyFactor))
    refuse("llama3 rope_scaling has the band ", scaling.lowFrequencyFactor,
           " to ", scaling.highFrequencyFactor, " instead of 1 to 4");
  if (scaling.kind == RopeScaling::Kind::Llama3 && !family.ggufRopeFrequencies)
    refuse("rope_scaling is llama3");
  if (scaling.kind == RopeScaling::Kind::LongRope && !family.partialRotary)
    refuse("rope_scaling is longrope");
}

void Check::configuration() {
  for (int64_t value : {config.hiddenSize, config.vocabularySize,
                        config.maxPositions, config.intermediateSize})
    if (value > INT32_MAX)
      refuse("a count is ", value);
  windows();
  scaling();
  if (family.attentionScalar && config.attentionScalar &&
      *config.attentionScalar != ggufAttentionScalar(config))
    refuse("query_pre_attn_scalar is ", *config.attentionScalar, " instead of ",
           ggufAttentionScalar(config));
  if (!config.normalizedRouting)
    refuse("norm_topk_prob is false");
}

void Check::operator()(llm::GatedOp gated) {
  llm::Activation expected =
      family.activation == Architecture::Activation::GeluTanh
          ? llm::Activation::GeluTanh
          : llm::Activation::Silu;
  if (gated.getActivation() != expected)
    refuse("llm.gated computes ",
           stringifyActivation(gated.getActivation()).str());
}

void Check::operator()(llm::AttentionOp attention) {
  int64_t layer = attention.getLayer();
  std::optional<int64_t> window;
  if (layer < config.layers)
    window = config.windowOf(layer);
  if (attention.getWindow() !=
      (window ? std::optional<uint64_t>(*window) : std::nullopt))
    refuse("layers have different windows");
  if (differ(attention.getSoftcap(), config.attentionSoftcap))
    refuse("the softcap of llm.attention is not attn_logit_softcapping");
  if (differ(attention.getScale(), config.attentionScale()))
    refuse("the scale of llm.attention is ",
           attention.getScale().convertToFloat(), " instead of ",
           config.attentionScale());
}

void Check::operator()(llm::EmbeddingOp embedding) {
  if (differ(embedding.getScale(), config.embeddingScale))
    refuse("llm.embedding has another scale");
}

void Check::operator()(llm::SoftcapOp softcap) {
  if (differ(softcap.getCap(), config.logitSoftcap))
    refuse("the cap of llm.softcap is not final_logit_softcapping");
}

void Check::operator()(llm::RouteOp route) {
  if (int64_t(route.getTopK()) != config.expertsPerToken ||
      !route.getNormalize())
    refuse("llm.route does not normalize the weights of ",
           config.expertsPerToken, " experts");
}

Status qopt::detail::checkComputation(ModuleOp module, const GgufModel &model) {
  Check check(model);
  check.configuration();
  module.walk([&](Operation *op) {
    llvm::TypeSwitch<Operation *>(op)
        .Case<llm::GatedOp, llm::AttentionOp, llm::EmbeddingOp, llm::SoftcapOp,
              llm::RouteOp>([&](auto each) { check(each); });
  });
  return check.status;
}
