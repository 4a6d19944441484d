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

static constexpr Architecture families[] = {
    {.name = "llama",
     .className = "LlamaForCausalLM",
     .attentionBias = Bias::ByConfig,
     .mlpBias = true,
     .headNorm = false,
     .defaultHeadDim = 0,
     .window = Window::Never,
     .ggufName = "llama",
     .ggufInterleavedRope = true},
    {.name = "mistral",
     .className = "MistralForCausalLM",
     .attentionBias = Bias::Never,
     .mlpBias = false,
     .headNorm = false,
     .defaultHeadDim = 0,
     .window = Window::Always,
     .ggufName = "", // written as llama
     .ggufInterleavedRope = true},
    {.name = "qwen2",
     .className = "Qwen2ForCausalLM",
     .attentionBias = Bias::QueryKeyValue,
     .mlpBias = false,
     .headNorm = false,
     .defaultHeadDim = 0,
     .window = Window::ByConfig,
     .ggufName = "qwen2",
     .ggufInterleavedRope = false},
    {.name = "qwen3",
     .className = "Qwen3ForCausalLM",
     .attentionBias = Bias::ByConfig,
     .mlpBias = false,
     .headNorm = true,
     .defaultHeadDim = 128,
     .window = Window::ByConfig,
     .ggufName = "qwen3",
     .ggufInterleavedRope = false},
};

static constexpr WeightNames names[] = {
    {WeightRole::Embedding, false, "embed", "model.embed_tokens.weight",
     "token_embd.weight"},
    {WeightRole::AttentionNorm, true, "attn_norm", "input_layernorm.weight",
     "attn_norm.weight"},
    {WeightRole::Query, true, "attn_q", "self_attn.q_proj.weight",
     "attn_q.weight"},
    {WeightRole::Key, true, "attn_k", "self_attn.k_proj.weight",
     "attn_k.weight"},
    {WeightRole::Value, true, "attn_v", "self_attn.v_proj.weight",
     "attn_v.weight"},
    {WeightRole::AttentionOutput, true, "attn_o", "self_attn.o_proj.weight",
     "attn_output.weight"},
    {WeightRole::QueryBias, true, "attn_q_bias", "self_attn.q_proj.bias",
     "attn_q.bias"},
    {WeightRole::KeyBias, true, "attn_k_bias", "self_attn.k_proj.bias",
     "attn_k.bias"},
    {WeightRole::ValueBias, true, "attn_v_bias", "self_attn.v_proj.bias",
     "attn_v.bias"},
    {WeightRole::AttentionOutputBias, true, "attn_o_bias",
     "self_attn.o_proj.bias", "attn_output.bias"},
    {WeightRole::QueryNorm, true, "attn_q_norm", "self_attn.q_norm.weight",
     "attn_q_norm.weight"},
    {WeightRole::KeyNorm, true, "attn_k_norm", "self_attn.k_norm.weight",
     "attn_k_norm.weight"},
    {WeightRole::FeedForwardNorm, true, "ffn_norm",
     "post_attention_layernorm.weight", "ffn_norm.weight"},
    {WeightRole::Gate, true, "ffn_gate", "mlp.gate_proj.weight",
     "ffn_gate.weight"},
    {WeightRole::Up, true, "ffn_up", "mlp.up_proj.weight", "ffn_up.weight"},
    {WeightRole::Down, true, "ffn_down", "mlp.down_proj.weight",
     "ffn_down.weight"},
    {WeightRole::GateBias, true, "ffn_gate_bias", "mlp.gate_proj.bias",
     "ffn_gate.bias"},
    {WeightRole::UpBias, true, "ffn_up_bias", "mlp.up_proj.bias",
     "ffn_up.bias"},
    {WeightRole::DownBias, true, "ffn_down_bias", "mlp.down_proj.bias",
     "ffn_down.bias"},
    {WeightRole::OutputNorm, false, "norm", "model.norm.weight",
     "output_norm.weight"},
    {WeightRole::Head, false, "head", "lm_head.weight", "output.weight"},
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

const Architecture *qopt::findGgufArchitecture(std::string_view ggufName) {
  auto found = std::ranges::find(families, ggufName, &Architecture::ggufName);
  return ggufName.empty() || found == std::end(families) ? nullptr : found;
}

/// One of the names of each family that has it.
static std::string listed(std::string_view Architecture::*name) {
  std::string list;
  for (const Architecture &family : families)
    if (!(family.*name).empty())
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
  if (!weightNames(id.role).inBlock)
    return std::string(name);
  return prefix + std::to_string(id.layer) + "." + std::string(name);
}

std::string WeightId::symbol() const {
  return prefixed(*this, "l", weightNames(role).symbol);
}
std::string WeightId::huggingFace() const {
  return prefixed(*this, "model.layers.", weightNames(role).huggingFace);
}
std::string WeightId::gguf() const {
  return prefixed(*this, "blk.", weightNames(role).gguf);
}

std::optional<WeightId> qopt::findWeight(std::string_view symbol) {
  WeightId id{};
  bool inBlock = false;
  if (symbol.starts_with("l")) {
    const char *end = symbol.data() + symbol.size();
    auto [dot, error] = std::from_chars(symbol.data() + 1, end, id.layer);
    inBlock =
        error == std::errc() && id.layer >= 0 && dot != end && *dot == '.';
    if (inBlock)
      symbol.remove_prefix(dot + 1 - symbol.data());
  }
  for (const WeightNames &names : ::names)
    if (names.inBlock == inBlock && names.symbol == symbol) {
      id.role = names.role;
      return id;
    }
  return std::nullopt;
}
