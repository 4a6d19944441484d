//===- CheckpointKinds.cpp - GPTQ, AWQ, compressed-tensors ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CheckpointKinds.h"

#include "qopt/Formats/AwqLayout.h"
#include "qopt/Formats/GptqLayout.h"
#include "qopt/Formats/PackQuantizedLayout.h"

#include <algorithm>

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;

/// A regular expression for exactly this module.
static std::string exactly(std::string_view module) {
  std::string pattern = "^";
  for (char letter : module)
    pattern += letter == '.' ? std::string("\\.") : std::string(1, letter);
  return pattern + "$";
}

/// Linears of the blocks that stay floats.
static std::vector<std::string> floatLinears(const CheckpointPlan &plan) {
  std::vector<std::string> modules;
  for (const CheckpointWeight &weight : plan.weights)
    if (weight.linear && !weight.scheme &&
        weightNames(weight.id.role).scope != WeightNames::Scope::Model)
      modules.push_back(weight.module);
  return modules;
}

static bool quantizesHead(const CheckpointPlan &plan) {
  const CheckpointWeight *head = plan.find(WeightRole::Head);
  return head && head->scheme;
}

static Status checkAny(const CheckpointPlan &plan) {
  if (!plan.schemes().empty())
    return {};
  return badInput("no weight is quantized to a grouped type, which is what ",
                  checkpointKind(plan.format).name,
                  " checkpoints hold; use qopt quantize --type int4");
}

//===----------------------------------------------------------------------===//
// GPTQ
//===----------------------------------------------------------------------===//

static LayoutAttrInterface gptqLayout(MLIRContext &context, GptqZeros zeros) {
  return GptqAttr::get(&context, zeros, Float16Type::get(&context),
                       GptqColumns::InOrder);
}

static void noteGptq(const CheckpointPlan &plan,
                     std::vector<std::string> &notes) {
  for (const GroupedScheme &scheme : plan.schemes())
    if (!scheme.symmetric || (scheme.bits != 4 && scheme.bits != 8)) {
      notes.push_back("vLLM reads GPTQ checkpoints of 4 or 8 bits without zero "
                      "points (--symmetric) only");
      break;
    }
  bool symmetric = llvm::all_of(
      plan.schemes(), [](const GroupedScheme &each) { return each.symmetric; });
  if (!symmetric && plan.zeros == GptqZeros::V1)
    notes.push_back("GPTQModel reads version 1 of the format with zero points "
                    "only if it has written them itself; --gptq-zeros v2 is "
                    "for it");
}

/// What GPTQModel calls dynamic: modules that differ from the rest.
static void describeDynamic(const CheckpointPlan &plan,
                            const GroupedScheme &base, JsonWriter &json) {
  json.key("dynamic").beginObject();
  for (const std::string &module : floatLinears(plan))
    json.key("-:" + exactly(module)).beginObject().endObject();
  for (const CheckpointWeight &weight : plan.weights)
    if (weight.scheme && *weight.scheme != base)
      json.key("+:" + exactly(weight.module))
          .beginObject()
          .member("bits", weight.scheme->bits)
          .member("group_size", weight.scheme->groupSize)
          .member("sym", weight.scheme->symmetric)
          .endObject();
  json.endObject();
}

static void describeGptq(const CheckpointPlan &plan, JsonWriter &json) {
  std::vector<GroupedScheme> schemes = plan.schemes();
  const GroupedScheme &base = schemes.front();
  json.member("bits", base.bits)
      .member("group_size", base.groupSize)
      .member("desc_act", false)
      .member("sym", base.symmetric)
      .member("lm_head", quantizesHead(plan))
      .member("checkpoint_format",
              plan.zeros == GptqZeros::V1 ? "gptq" : "gptq_v2")
      .member("pack_dtype", "int32");
  if (schemes.size() > 1 || !floatLinears(plan).empty())
    describeDynamic(plan, base, json);
  json.key("meta").beginObject().key("quantizer").beginArray();
  json.value("qopt").endArray().endObject();
}

//===----------------------------------------------------------------------===//
// AWQ
//===----------------------------------------------------------------------===//

static LayoutAttrInterface awqLayout(MLIRContext &context, GptqZeros) {
  return AwqAttr::get(&context, Float16Type::get(&context));
}

static Status checkAwq(const CheckpointPlan &plan) {
  QOPT_CHECK(checkAny(plan));
  if (quantizesHead(plan))
    return badInput("@head is quantized, but AWQ checkpoints hold lm_head as "
                    "floats; leave out --head, or export to gptq or "
                    "compressed-tensors");
  for (const GroupedScheme &scheme : plan.schemes())
    if (int64_t group = plan.schemes().front().groupSize;
        scheme.groupSize != group)
      return badInput("AWQ checkpoints have one group size, but weights have "
                      "groups of ",
                      group, " and of ", scheme.groupSize,
                      "; quantize with one --group, or export to "
                      "compressed-tensors");
  return {};
}

static void noteNothing(const CheckpointPlan &, std::vector<std::string> &) {}

static void describeAwq(const CheckpointPlan &plan, JsonWriter &json) {
  json.member("bits", 4)
      .member("group_size", plan.schemes().front().groupSize)
      .member("zero_point", true)
      .member("version", "gemm")
      .key("modules_to_not_convert");
  std::vector<std::string> kept = floatLinears(plan);
  if (kept.empty()) {
    json.null();
    return;
  }
  json.beginArray();
  for (const std::string &module : kept)
    json.value(module);
  json.endArray();
}

//===----------------------------------------------------------------------===//
// compressed-tensors
//===----------------------------------------------------------------------===//

static LayoutAttrInterface packQuantizedLayout(MLIRContext &context,
                                               GptqZeros) {
  return PackQuantizedAttr::get(&context, Float16Type::get(&context),
                                CodeWords::Dense);
}

static void notePackQuantized(const CheckpointPlan &plan,
                              std::vector<std::string> &notes) {
  for (const GroupedScheme &scheme : plan.schemes())
    if (scheme.bits != 4 && scheme.bits != 8) {
      notes.push_back(str("vLLM reads compressed-tensors of 4 or 8 bits only, "
                          "not of ",
                          scheme.bits));
      return;
    }
}

static void describeScheme(const GroupedScheme &scheme, JsonWriter &json) {
  bool rows = scheme.groupSize < 0;
  json.member("num_bits", scheme.bits)
      .member("type", "int")
      .member("symmetric", scheme.symmetric)
      .member("strategy", rows ? "channel" : "group")
      .key("group_size");
  if (rows)
    json.null();
  else
    json.value(scheme.groupSize);
  json.member("dynamic", false).key("actorder").null();
}

static void describePackQuantized(const CheckpointPlan &plan,
                                  JsonWriter &json) {
  json.member("format", "pack-quantized")
      .member("quantization_status", "compressed")
      .key("ignore")
      .beginArray();
  if (!quantizesHead(plan))
    json.value("lm_head");
  for (const std::string &module : floatLinears(plan))
    json.value(module);
  json.endArray().key("config_groups").beginObject();
  std::vector<GroupedScheme> schemes = plan.schemes();
  for (size_t i = 0; i < schemes.size(); ++i) {
    json.key(str("group_", i)).beginObject().key("targets").beginArray();
    if (i == 0)
      json.value("Linear");
    for (const CheckpointWeight &weight : plan.weights)
      if (i > 0 && weight.scheme == schemes[i])
        json.value(weight.module);
    json.endArray().key("weights").beginObject();
    describeScheme(schemes[i], json);
    json.endObject().key("input_activations").null();
    json.key("output_activations").null().endObject();
  }
  json.endObject().key("kv_cache_scheme").null();
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static constexpr CheckpointKind kinds[] = {
    {.format = CheckpointFormat::Gptq,
     .name = "gptq",
     .layout = gptqLayout,
     .supports = GptqLayout::supports,
     .check = checkAny,
     .note = noteGptq,
     .describe = describeGptq,
     .oldConfig = "quantize_config.json"},
    {.format = CheckpointFormat::Awq,
     .name = "awq",
     .layout = awqLayout,
     .supports = AwqLayout::supports,
     .check = checkAwq,
     .note = noteNothing,
     .describe = describeAwq,
     .oldConfig = ""},
    {.format = CheckpointFormat::CompressedTensors,
     .name = "compressed-tensors",
     .layout = packQuantizedLayout,
     .supports = PackQuantizedLayout::supports,
     .check = checkAny,
     .note = notePackQuantized,
     .describe = describePackQuantized,
     .oldConfig = ""},
};

const CheckpointKind &qopt::detail::checkpointKind(CheckpointFormat format) {
  return *std::ranges::find(kinds, format, &CheckpointKind::format);
}

void qopt::detail::writeQuantizationConfig(const CheckpointPlan &plan,
                                           JsonWriter &json) {
  const CheckpointKind &kind = checkpointKind(plan.format);
  json.beginObject().member("quant_method", std::string(kind.name));
  kind.describe(plan, json);
  json.endObject();
}

//===----------------------------------------------------------------------===//
// What holds for all of them in vLLM
//===----------------------------------------------------------------------===//

/// The shapes of Marlin's kernels.
static bool suitsMarlin(const CheckpointWeight &weight) {
  int64_t group = weight.scheme->groupSize;
  return weight.rows % 64 == 0 && weight.columns % 128 == 0 &&
         (group == -1 || group == 32 || group == 64 || group == 128);
}

static void noteShapes(const CheckpointPlan &plan,
                       std::vector<std::string> &notes) {
  int64_t quantized = 0, unsuited = 0;
  for (const CheckpointWeight &weight : plan.weights)
    if (weight.scheme) {
      ++quantized;
      unsuited += !suitsMarlin(weight);
    }
  if (unsuited > 0)
    notes.push_back(str(unsuited, " of ", quantized,
                        " weights are not for vLLM's Marlin kernels, which "
                        "need rows in multiples of 64, columns in multiples of "
                        "128, and groups of 32, 64, 128 or whole rows"));
}

/// vLLM computes q, k and v, and gate and up, as one linear each.
static void noteFusion(const CheckpointPlan &plan,
                       std::vector<std::string> &notes) {
  static constexpr std::pair<WeightRole, WeightRole> fused[] = {
      {WeightRole::Query, WeightRole::Key},
      {WeightRole::Query, WeightRole::Value},
      {WeightRole::Gate, WeightRole::Up}};
  for (const CheckpointWeight &first : plan.weights)
    for (auto [a, b] : fused) {
      if (first.id.role != a)
        continue;
      const CheckpointWeight *second = plan.find(b, first.id.layer);
      if (!second || second->scheme == first.scheme)
        continue;
      notes.push_back(str("vLLM computes ", first.module, " and ",
                          second->module,
                          " as one linear and will not load them, because "
                          "they have different types"));
      return;
    }
}

std::vector<std::string>
qopt::detail::checkpointNotes(const CheckpointPlan &plan) {
  std::vector<std::string> notes;
  checkpointKind(plan.format).note(plan, notes);
  noteShapes(plan, notes);
  noteFusion(plan, notes);
  return notes;
}
