//===- Mix.cpp - which GGUF type each tensor of a model gets --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/Mix.h"

#include <algorithm>
#include <charconv>

using namespace qopt;
using T = GgufType;

//===----------------------------------------------------------------------===//
// The mixes
//===----------------------------------------------------------------------===//

static constexpr Mix table[] = {
    {"f32", T::F32, 0, "floats"},
    {"bf16", T::BF16, 32, "floats"},
    {"f16", T::F16, 1, "floats"},
    {"q8_0", T::Q8_0, 7, "hardly to be told from floats"},
    {"q6_k", T::Q6_K, 18, "very close"},
    {"q5_k_m", T::Q5_K, 17, "close"},
    {"q5_1", T::Q5_1, 9, "older; prefer q5_k_m"},
    {"q5_k_s", T::Q5_K, 16, "close"},
    {"q5_0", T::Q5_0, 8, "older; prefer q5_k_s"},
    {"q4_1", T::Q4_1, 3, "older; prefer q4_k_m"},
    {"q4_k_m", T::Q4_K, 15, "the usual choice"},
    {"q4_k_s", T::Q4_K, 14, "somewhat smaller"},
    {"iq4_nl", T::IQ4_NL, 25, "nonlinear codes in blocks of 32"},
    {"q4_0", T::Q4_0, 2, "older; fast everywhere"},
    {"iq4_xs", T::IQ4_XS, 30, "nonlinear codes, small"},
    {"mxfp4_moe", T::MXFP4, 38, "experts in MXFP4, the rest in Q8_0"},
    {"q3_k_l", T::Q3_K, 13, "visible loss"},
    {"q3_k_m", T::Q3_K, 12, "visible loss"},
    {"q3_k_s", T::Q3_K, 11, "high loss"},
    {"q2_k", T::Q2_K, 10, "high loss"},
    {"q2_k_s", T::Q2_K, 21, "very high loss; wants an importance matrix"},
    {"tq2_0", T::TQ2_0, 37, "for models trained with ternary weights"},
    {"tq1_0", T::TQ1_0, 36, "for models trained with ternary weights"},
};

static constexpr std::pair<std::string_view, std::string_view> aliases[] = {
    {"q3_k", "q3_k_m"}, {"q4_k", "q4_k_m"}, {"q5_k", "q5_k_m"}};

std::span<const Mix> qopt::mixes() { return table; }

const Mix *qopt::findMix(std::string_view name) {
  for (auto [alias, meant] : aliases)
    if (name == alias)
      name = meant;
  auto found = std::ranges::find(table, name, &Mix::name);
  return found == std::end(table) ? nullptr : found;
}

//===----------------------------------------------------------------------===//
// Parts of a model
//===----------------------------------------------------------------------===//

namespace {
/// What a tensor is, as far as rules tell tensors apart.
enum class Part { Output, Embedding, Key, Value, AttentionOutput, Down, Other };

struct Place {
  Part part;
  int64_t layer;  // 0 outside of blocks
  bool isExperts; // the matrices of all experts of a layer
};
} // namespace

static bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

static Place placeOf(std::string_view tensor) {
  Place place{Part::Other, 0, contains(tensor, "_exps.")};
  if (tensor == "output.weight")
    place.part = Part::Output;
  else if (tensor == "token_embd.weight")
    place.part = Part::Embedding;
  else if (contains(tensor, "attn_v.weight") ||
           contains(tensor, "attn_qkv.weight"))
    place.part = Part::Value; // what holds for v holds for q, k and v in one
  else if (contains(tensor, "attn_k.weight"))
    place.part = Part::Key;
  else if (contains(tensor, "attn_output.weight"))
    place.part = Part::AttentionOutput;
  else if (contains(tensor, "ffn_down"))
    place.part = Part::Down;
  if (tensor.starts_with("blk."))
    std::from_chars(tensor.data() + 4, tensor.data() + tensor.size(),
                    place.layer);
  return place;
}

bool qopt::isEmbedding(std::string_view tensor) {
  return placeOf(tensor).part == Part::Embedding;
}

bool qopt::isOutput(const MixModel &model, std::string_view tensor) {
  Part part = placeOf(tensor).part;
  return part == Part::Output ||
         (part == Part::Embedding && model.tiedEmbeddings);
}

bool qopt::isQuantizable(std::string_view tensor) {
  return tensor.ends_with("weight") && !contains(tensor, "_norm.weight") &&
         !contains(tensor, "ffn_gate_inp");
}

//===----------------------------------------------------------------------===//
// The rules
//===----------------------------------------------------------------------===//

namespace {
/// Of model and layer i of n.
enum class When {
  Always,
  FirstTwo,         // i < 2
  FirstFour,        // i < 4
  FirstSixteenth,   // i < n/16
  FirstEighth,      // i < n/8
  EndsAndEachThird, // i < n/8, i >= 7n/8, and each third one between
  SharedHeads,      // at least four query heads per value head
  EightExperts,
  OtherExperts,        // none, or another number of them
  FirstEighthPlain,    // i < n/8, without an importance matrix
  FirstEighthWeighted, // i < n/8, with one
};

/// In the mixes that it names, the first rule whose condition holds decides.
struct Rule {
  Part part;
  std::string_view mixes; // separated by spaces; empty: all
  When when;
  GgufType type;
};
} // namespace

static constexpr Rule rules[] = {
    // Values and keys are small, more so where heads share them, and most
    // beside experts.
    {Part::Value, "", When::EightExperts, T::Q8_0},
    {Part::Value, "q2_k q2_k_s", When::SharedHeads, T::Q4_K},
    {Part::Value, "q2_k", When::Always, T::Q3_K},
    {Part::Value, "q3_k_m", When::FirstTwo, T::Q5_K},
    {Part::Value, "q3_k_m", When::Always, T::Q4_K},
    {Part::Value, "q3_k_l", When::Always, T::Q5_K},
    {Part::Value, "iq4_nl iq4_xs", When::SharedHeads, T::Q5_K},
    {Part::Value, "q4_k_m q5_k_m", When::EndsAndEachThird, T::Q6_K},
    {Part::Value, "q4_k_s", When::FirstFour, T::Q5_K},
    {Part::Key, "", When::EightExperts, T::Q8_0},

    {Part::AttentionOutput, "q2_k q3_k_s q3_k_m q4_k_s q4_k_m iq4_nl iq4_xs",
     When::EightExperts, T::Q5_K},
    {Part::AttentionOutput, "q2_k", When::OtherExperts, T::Q3_K},
    {Part::AttentionOutput, "q3_k_m", When::OtherExperts, T::Q4_K},
    {Part::AttentionOutput, "q3_k_l", When::OtherExperts, T::Q5_K},

    {Part::Down, "q2_k", When::Always, T::Q3_K},
    {Part::Down, "q2_k_s", When::FirstEighth, T::Q4_K},
    {Part::Down, "q3_k_m", When::FirstSixteenth, T::Q5_K},
    {Part::Down, "q3_k_m", When::Always, T::Q4_K},
    {Part::Down, "q3_k_l", When::Always, T::Q5_K},
    {Part::Down, "q4_k_s", When::FirstEighth, T::Q5_K},
    {Part::Down, "q4_k_m q5_k_m", When::EndsAndEachThird, T::Q6_K},
    {Part::Down, "iq4_nl iq4_xs", When::FirstEighthPlain, T::Q5_K},
    {Part::Down, "q4_0", When::FirstEighthWeighted, T::Q4_1},
    {Part::Down, "q5_0", When::FirstEighthWeighted, T::Q5_1},

    {Part::Embedding, "tq1_0 tq2_0", When::Always, T::Q4_K},
};

static bool holds(When when, const MixModel &model, int64_t i) {
  int64_t n = model.layers;
  switch (when) {
  case When::Always:
    return true;
  case When::FirstTwo:
    return i < 2;
  case When::FirstFour:
    return i < 4;
  case When::FirstSixteenth:
    return i < n / 16;
  case When::FirstEighth:
    return i < n / 8;
  case When::EndsAndEachThird:
    return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
  case When::SharedHeads:
    return model.heads / model.kvHeads >= 4;
  case When::EightExperts:
    return model.experts == 8;
  case When::OtherExperts:
    return model.experts != 8;
  case When::FirstEighthPlain:
    return i < n / 8 && !model.importance;
  case When::FirstEighthWeighted:
    return i < n / 8 && model.importance;
  }
  return false;
}

/// Whether `name` is one of the words of `list`.
static bool lists(std::string_view list, std::string_view name) {
  if (list.empty())
    return true;
  for (size_t from = 0; from < list.size();) {
    size_t end = std::min(list.find(' ', from), list.size());
    if (list.substr(from, end - from) == name)
      return true;
    from = end + 1;
  }
  return false;
}

/// Models of 70 billion weights share one value head among eight query heads.
static bool is70B(const MixModel &model) {
  return model.layers == 80 &&
         (model.architecture == "qwen2" ||
          (model.architecture == "llama" && model.heads != model.kvHeads));
}

static bool isFloat(GgufType type) {
  return type == T::F32 || type == T::F16 || type == T::BF16;
}

GgufType qopt::mixType(const Mix &mix, const MixModel &model,
                       std::string_view tensor, int64_t columns) {
  if (isFloat(mix.base))
    return mix.base;
  Place place = placeOf(tensor);
  bool wholeBlocks = columns % findFormat(mix.base)->blockElements == 0;
  if (isOutput(model, tensor))
    return mix.base == T::Q8_0 || mix.base == T::MXFP4 || !wholeBlocks
               ? T::Q8_0
               : T::Q6_K;
  if (mix.base == T::MXFP4)
    return place.isExperts ? T::MXFP4 : T::Q8_0;
  GgufType type = mix.base;
  for (const Rule &rule : rules)
    if (rule.part == place.part && lists(rule.mixes, mix.name) &&
        holds(rule.when, model, place.layer)) {
      type = rule.type;
      break;
    }
  if (place.part == Part::Value && is70B(model) &&
      (type == T::Q3_K || type == T::Q4_K))
    return T::Q5_K;
  return type;
}

//===----------------------------------------------------------------------===//
// Fallbacks and file types
//===----------------------------------------------------------------------===//

GgufType qopt::fallbackType(GgufType type, int64_t columns) {
  constexpr std::pair<GgufType, GgufType> narrower[] = {
      {T::Q2_K, T::Q4_0},  {T::Q3_K, T::Q4_0}, {T::Q4_K, T::Q5_0},
      {T::Q5_K, T::Q5_1},  {T::Q6_K, T::Q8_0}, {T::IQ4_XS, T::IQ4_NL},
      {T::TQ1_0, T::Q4_0}, {T::TQ2_0, T::Q4_0}};
  auto fits = [&](GgufType candidate) {
    return columns % findFormat(candidate)->blockElements == 0;
  };
  if (fits(type))
    return type;
  for (auto [wide, narrow] : narrower)
    if (wide == type && fits(narrow))
      return narrow;
  return T::F16;
}

std::optional<uint32_t> qopt::fileTypeOf(GgufType type) {
  if (const Mix *mix = findMix(findFormat(type)->name))
    return mix->fileType;
  return std::nullopt;
}
