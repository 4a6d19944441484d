//===- Architecture.cpp - the model families that can be imported ---------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Import/Architecture.h"

#include <algorithm>
#include <charconv>

using namespace qopt;

using Bias = Architecture::AttentionBias;
using Window = Architecture::Window;
using Renamed = Architecture::Renamed;
using Default = Architecture::Default;
using Scope = WeightNames::Scope;

static constexpr Renamed gemmaNames[] = {
    {WeightRole::PostAttentionNorm, "post_attention_layernorm.weight"},
    {WeightRole::FeedForwardNorm, "pre_feedforward_layernorm.weight"},
};
/// What the configurations of the text models in multimodal ones leave out.
static constexpr Default gemma3Defaults[] = {
    {"num_attention_heads", 8},
    {"num_key_value_heads", 4},
    {"vocab_size", 262208},
    {"sliding_window", 4096},
    {"max_position_embeddings", 131072},
};
static constexpr Renamed mixtralNames[] = {
    {WeightRole::Router, "block_sparse_moe.gate.weight"},
    {WeightRole::ExpertGate, "block_sparse_moe.experts.#.w1.weight"},
    {WeightRole::ExpertUp, "block_sparse_moe.experts.#.w3.weight"},
    {WeightRole::ExpertDown, "block_sparse_moe.experts.#.w2.weight"},
};

static constexpr Architecture families[] = {
    {.name = "llama",
     .className = "LlamaForCausalLM",
     .attentionBias = Bias::ByConfig,
     .mlpBias = true,
     .ggufInterleavedRope = true,
     .ggufRopeFrequencies = true},
    {.name = "mistral",
     .className = "MistralForCausalLM",
     .window = Window::Always,
     .ggufName = "llama",
     .ggufInterleavedRope = true,
     .ggufRopeFrequencies = true},
    {.name = "qwen2",
     .className = "Qwen2ForCausalLM",
     .attentionBias = Bias::QueryKeyValue,
     .window = Window::ByConfig},
    {.name = "qwen3",
     .className = "Qwen3ForCausalLM",
     .attentionBias = Bias::ByConfig,
     .headNorm = true,
     .defaultHeadDim = 128,
     .window = Window::ByConfig},
    {.name = "gemma2",
     .className = "Gemma2ForCausalLM",
     .attentionBias = Bias::ByConfig,
     .postNorms = true,
     .offsetNorms = true,
     .scaledEmbedding = true,
     .softcaps = true,
     .attentionScalar = true,
     .tiedByDefault = true,
     .defaultHeadDim = 256,
     .window = Window::Alternating,
     .windowPeriod = 2,
     .activationKey = "hidden_activation",
     .activation = Architecture::Activation::GeluTanh,
     .renamed = gemmaNames,
     .ggufWideScaleLayers = 46}, // 27B
    {.name = "gemma3_text",
     .className = "Gemma3ForCausalLM",
     .attentionBias = Bias::ByConfig,
     .headNorm = true,
     .postNorms = true,
     .offsetNorms = true,
     .scaledEmbedding = true,
     .softcaps = true,
     .attentionScalar = true,
     .localRope = true,
     .tiedByDefault = true,
     .defaultHeadDim = 256,
     .defaultRopeTheta = 1e6,
     .defaultNormEps = 1e-6,
     .window = Window::Alternating,
     .windowPeriod = 6,
     .activationKey = "hidden_activation",
     .activation = Architecture::Activation::GeluTanh,
     .renamed = gemmaNames,
     .defaults = gemma3Defaults,
     .ggufName = "gemma3",
     .ggufWideScaleLayers = 62}, // 27B
    {.name = "phi3",
     .className = "Phi3ForCausalLM",
     .fusedProjections = true,
     .partialRotary = true,
     .toleratesAutoMap = true,
     .window = Window::Always},
    {.name = "mixtral",
     .className = "MixtralForCausalLM",
     .window = Window::Always,
     .expertsKey = "num_local_experts",
     .expertSizeKey = "intermediate_size",
     .renamed = mixtralNames,
     .ggufName = "llama",
     .ggufInterleavedRope = true,
     .ggufRopeFrequencies = true},
    {.name = "qwen3_moe",
     .className = "Qwen3MoeForCausalLM",
     .attentionBias = Bias::ByConfig,
     .headNorm = true,
     .window = Window::ByConfig,
     .expertsKey = "num_experts",
     .expertSizeKey = "moe_intermediate_size",
     .routesByConfig = true,
     .ggufName = "qwen3moe"},
};

static constexpr WeightNames names[] = {
    {WeightRole::Embedding, Scope::Model, "embed", "model.embed_tokens.weight",
     "token_embd.weight"},
    {WeightRole::AttentionNorm, Scope::Block, "attn_norm",
     "input_layernorm.weight", "attn_norm.weight"},
    {WeightRole::Query, Scope::Block, "attn_q", "self_attn.q_proj.weight",
     "attn_q.weight"},
    {WeightRole::Key, Scope::Block, "attn_k", "self_attn.k_proj.weight",
     "attn_k.weight"},
    {WeightRole::Value, Scope::Block, "attn_v", "self_attn.v_proj.weight",
     "attn_v.weight"},
    {WeightRole::QueryKeyValue, Scope::Block, "attn_qkv",
     "self_attn.qkv_proj.weight", "attn_qkv.weight"},
    {WeightRole::AttentionOutput, Scope::Block, "attn_o",
     "self_attn.o_proj.weight", "attn_output.weight"},
    {WeightRole::QueryBias, Scope::Block, "attn_q_bias",
     "self_attn.q_proj.bias", "attn_q.bias"},
    {WeightRole::KeyBias, Scope::Block, "attn_k_bias", "self_attn.k_proj.bias",
     "attn_k.bias"},
    {WeightRole::ValueBias, Scope::Block, "attn_v_bias",
     "self_attn.v_proj.bias", "attn_v.bias"},
    {WeightRole::AttentionOutputBias, Scope::Block, "attn_o_bias",
     "self_attn.o_proj.bias", "attn_output.bias"},
    {WeightRole::QueryNorm, Scope::Block, "attn_q_norm",
     "self_attn.q_norm.weight", "attn_q_norm.weight"},
    {WeightRole::KeyNorm, Scope::Block, "attn_k_norm",
     "self_attn.k_norm.weight", "attn_k_norm.weight"},
    {WeightRole::PostAttentionNorm, Scope::Block, "attn_post_norm",
     "post_self_attn_layernorm.weight", "post_attention_norm.weight"},
    {WeightRole::FeedForwardNorm, Scope::Block, "ffn_norm",
     "post_attention_layernorm.weight", "ffn_norm.weight"},
    {WeightRole::Gate, Scope::Block, "ffn_gate", "mlp.gate_proj.weight",
     "ffn_gate.weight"},
    {WeightRole::Up, Scope::Block, "ffn_up", "mlp.up_proj.weight",
     "ffn_up.weight"},
    {WeightRole::GateUp, Scope::Block, "ffn_gate_up", "mlp.gate_up_proj.weight",
     "ffn_up.weight"},
    {WeightRole::Down, Scope::Block, "ffn_down", "mlp.down_proj.weight",
     "ffn_down.weight"},
    {WeightRole::GateBias, Scope::Block, "ffn_gate_bias", "mlp.gate_proj.bias",
     "ffn_gate.bias"},
    {WeightRole::UpBias, Scope::Block, "ffn_up_bias", "mlp.up_proj.bias",
     "ffn_up.bias"},
    {WeightRole::DownBias, Scope::Block, "ffn_down_bias", "mlp.down_proj.bias",
     "ffn_down.bias"},
    {WeightRole::Router, Scope::Block, "ffn_router", "mlp.gate.weight",
     "ffn_gate_inp.weight"},
    {WeightRole::ExpertGate, Scope::Expert, "ffn_gate",
     "mlp.experts.#.gate_proj.weight", "ffn_gate_exps.weight"},
    {WeightRole::ExpertUp, Scope::Expert, "ffn_up",
     "mlp.experts.#.up_proj.weight", "ffn_up_exps.weight"},
    {WeightRole::ExpertDown, Scope::Expert, "ffn_down",
     "mlp.experts.#.down_proj.weight", "ffn_down_exps.weight"},
    {WeightRole::PostFeedForwardNorm, Scope::Block, "ffn_post_norm",
     "post_feedforward_layernorm.weight", "post_ffw_norm.weight"},
    {WeightRole::OutputNorm, Scope::Model, "norm", "model.norm.weight",
     "output_norm.weight"},
    {WeightRole::Head, Scope::Model, "head", "lm_head.weight", "output.weight"},
};

/// weightNames() indexes the table by role.
static constexpr bool inOrder() {
  for (size_t i = 0; i < std::size(names); ++i)
    if (size_t(names[i].role) != i)
      return false;
  return size_t(WeightRole::Head) + 1 == std::size(names);
}
static_assert(inOrder());

std::span<const Architecture> qopt::architectures() { return families; }

const Architecture *qopt::findArchitecture(std::string_view name) {
  auto found = std::ranges::find(families, name, &Architecture::name);
  return found == std::end(families) ? nullptr : found;
}

const Architecture *qopt::findGgufArchitecture(std::string_view ggufName,
                                               bool hasExperts) {
  auto found = std::ranges::find_if(families, [&](const Architecture &family) {
    return family.ggufName == ggufName && family.hasExperts() == hasExperts;
  });
  return found == std::end(families) ? nullptr : found;
}

/// The names that families have, each once.
static std::string listed(std::string_view Architecture::*name) {
  std::string list;
  for (const Architecture &family : families)
    if (std::ranges::find(families, family.*name, name) == &family)
      list += (list.empty() ? "" : ", ") + std::string(family.*name);
  return list;
}

std::string qopt::supportedArchitectures() {
  return listed(&Architecture::name);
}
std::string qopt::supportedGgufArchitectures() {
  return listed(&Architecture::ggufName);
}

const WeightNames &qopt::weightNames(WeightRole role) {
  return names[size_t(role)];
}

/// `prefix` 3 `.` name, or the name alone outside of blocks.
static std::string prefixed(const WeightId &id, const char *prefix,
                            std::string_view name) {
  if (weightNames(id.role).scope == Scope::Model)
    return std::string(name);
  return prefix + std::to_string(id.layer) + "." + std::string(name);
}

std::string WeightId::symbol() const {
  std::string name(weightNames(role).symbol);
  return prefixed(*this, "l",
                  isExpert() ? "e" + std::to_string(expert) + "." + name
                             : name);
}

std::string WeightId::huggingFace(const Architecture &family) const {
  auto renamed = std::ranges::find(family.renamed, role, &Renamed::role);
  std::string name(renamed == family.renamed.end()
                       ? weightNames(role).huggingFace
                       : renamed->huggingFace);
  if (size_t number = name.find('#'); number != name.npos)
    name.replace(number, 1, std::to_string(expert));
  return prefixed(*this, "model.layers.", name);
}

std::string WeightId::gguf() const {
  return prefixed(*this, "blk.", weightNames(role).gguf);
}

/// Takes `letter` and a number and a dot off the front of a symbol.
static std::optional<int64_t> takeNumber(std::string_view &symbol,
                                         char letter) {
  if (!symbol.starts_with(letter))
    return std::nullopt;
  int64_t number = 0;
  const char *end = symbol.data() + symbol.size();
  auto [dot, error] = std::from_chars(symbol.data() + 1, end, number);
  if (error != std::errc() || number < 0 || dot == end || *dot != '.')
    return std::nullopt;
  symbol.remove_prefix(dot + 1 - symbol.data());
  return number;
}

std::optional<WeightId> qopt::findWeight(std::string_view symbol) {
  std::optional<int64_t> layer = takeNumber(symbol, 'l'), expert;
  if (layer)
    expert = takeNumber(symbol, 'e');
  Scope scope = expert ? Scope::Expert : layer ? Scope::Block : Scope::Model;
  for (const WeightNames &names : ::names)
    if (names.scope == scope && names.symbol == symbol)
      return WeightId{names.role, layer.value_or(0), expert.value_or(0)};
  return std::nullopt;
}
