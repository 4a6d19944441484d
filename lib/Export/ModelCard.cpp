//===- ModelCard.cpp - README.md of a checkpoint --------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CheckpointConfig.h"
#include "CheckpointKinds.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Dialect/QOpt/QOptDialect.h"

#include "mlir/IR/BuiltinAttributes.h"

#include <cstdio>
#include <map>

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;

static std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

/// `4 bits, groups of 64, no zero points`.
static std::string describe(const GroupedScheme &scheme) {
  return str(scheme.bits, " bits, ",
             scheme.groupSize < 0 ? "one scale per row"
                                  : str("groups of ", scheme.groupSize),
             ", ", scheme.symmetric ? "no zero points" : "zero points");
}

/// A value of a recipe or of a measurement, as people write it.
static std::string valueText(Attribute value) {
  if (auto text = dyn_cast<StringAttr>(value))
    return text.getValue().str();
  if (auto flag = dyn_cast<BoolAttr>(value))
    return flag.getValue() ? "yes" : "no";
  if (auto integer = dyn_cast<IntegerAttr>(value))
    return std::to_string(integer.getInt());
  if (auto number = dyn_cast<FloatAttr>(value))
    return str(number.getValueAsDouble());
  return "";
}

/// The rows of a Markdown table.
static std::string rowsOf(DictionaryAttr entries) {
  std::string rows;
  for (NamedAttribute entry : entries)
    rows += "| " + entry.getName().str() + " | " + valueText(entry.getValue()) +
            " |\n";
  return rows;
}

static std::string loadWith(CheckpointFormat format) {
  switch (format) {
  case CheckpointFormat::Gptq:
    return "vLLM, SGLang, transformers with GPTQModel";
  case CheckpointFormat::Awq:
    return "vLLM, SGLang, transformers with AutoAWQ";
  case CheckpointFormat::CompressedTensors:
    return "vLLM, SGLang, transformers with compressed-tensors";
  }
  return "";
}

std::string qopt::detail::modelCard(ModuleOp module,
                                    const CheckpointPlan &plan) {
  auto config = module->getAttrOfType<DictionaryAttr>(llm::LLMDialect::kConfig);
  auto name = config ? config.getAs<StringAttr>("name") : StringAttr();
  std::string base = name ? name.getValue().str() : "model";
  std::string kind(checkpointKind(plan.format).name);

  std::string card = "---\ntags:\n- " + kind + "\n- qopt\n---\n\n# " + base +
                     ", " + kind + "\n\nQuantized from `" + base +
                     "` with qopt. For " + loadWith(plan.format) + ".\n";

  std::map<std::string, int64_t> counts; // of weights, by scheme
  int64_t bytes = 0, quantizedBytes = 0, quantizedNumbers = 0;
  for (const CheckpointWeight &weight : plan.weights) {
    bytes += weight.bytes();
    if (!weight.scheme)
      continue;
    ++counts[describe(*weight.scheme)];
    quantizedBytes += weight.bytes();
    quantizedNumbers += weight.rows * weight.columns;
  }
  card += "\n| weights | how many |\n|---|---|\n";
  for (const auto &[scheme, count] : counts)
    card += "| " + scheme + " | " + std::to_string(count) + " |\n";
  card += str("\n", fixed(bytes * 1e-6, 2), " MB; ",
              fixed(8.0 * quantizedBytes / quantizedNumbers, 3),
              " bits per quantized weight.\n");

  card += "\n## Recipe\n\n";
  if (auto recipe = module->getAttrOfType<DictionaryAttr>(QOptDialect::kRecipe))
    card += "| | |\n|---|---|\n" + rowsOf(recipe);
  else
    card += "Not recorded.\n";
  card += "\n## Quality\n\n";
  if (auto quality =
          module->getAttrOfType<DictionaryAttr>(QOptDialect::kQuality))
    card += "| | |\n|---|---|\n" + rowsOf(quality);
  else
    card += "Not measured. `qopt eval THIS --text TEXT --against " + base +
            "` does it.\n";
  return card;
}
