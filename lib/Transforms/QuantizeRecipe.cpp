//===- QuantizeRecipe.cpp - what a user asks for, as passes --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Transforms/QuantizeRecipe.h"
#include "qopt/Formats/FormatTable.h"
#include "qopt/Numerics/Grid.h"
#include "qopt/Transforms/Passes.h"

#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace qopt;

namespace {

/// "int4" -> 4; nothing if the name is not of this form.
std::optional<int64_t> groupedBits(std::string_view type) {
  if (type.size() == 4 && type.starts_with("int") && type[3] >= '2' &&
      type[3] <= '8')
    return type[3] - '0';
  return std::nullopt;
}

/// The grouped scheme whose grid a GGUF type holds exactly.
std::optional<GroupedScheme> groupedGrid(std::string_view type) {
  if (type == "q4_0")
    return GroupedScheme{4, 32, true};
  return std::nullopt;
}

void addGrouped(OpPassManager &manager, const QuantizeRecipe &recipe,
                const GroupedScheme &scheme) {
  if (recipe.method == QuantizeMethod::Rtn) {
    RtnQuantizeOptions options;
    options.bits = scheme.bits;
    options.group = scheme.groupSize;
    options.symmetric = scheme.symmetric;
    options.head = recipe.head;
    options.archive = recipe.archive;
    manager.addPass(createRtnQuantize(options));
    return;
  }
  GptqQuantizeOptions options;
  options.bits = scheme.bits;
  options.group = scheme.groupSize;
  options.symmetric = scheme.symmetric;
  options.head = recipe.head;
  options.archive = recipe.archive;
  options.order = recipe.order;
  options.damp = recipe.damp;
  options.mse = recipe.mse;
  options.text = recipe.calibration.text;
  options.samples = recipe.calibration.samples;
  options.ctx = recipe.calibration.context;
  options.stats = recipe.calibration.stats;
  options.sequential = recipe.calibration.sequential;
  manager.addPass(createGptqQuantize(options));
}

} // namespace

Status qopt::buildQuantizePipeline(OpPassManager &manager,
                                   const QuantizeRecipe &recipe) {
  auto pack = [&] {
    GgufPackOptions options;
    options.archive = recipe.archive;
    manager.addPass(createGgufPack(options));
  };
  if (std::optional<int64_t> bits = groupedBits(recipe.type)) {
    GroupedScheme scheme{int(*bits), recipe.group.value_or(128),
                         recipe.symmetric.value_or(false)};
    QOPT_CHECK(checkScheme(scheme));
    addGrouped(manager, recipe, scheme);
    if (recipe.ggufBlocks)
      pack();
    return {};
  }

  const FormatRow *format = findFormat(std::string_view(recipe.type));
  if (!format)
    return usageError("--type ", recipe.type,
                      " is unknown; there are int2 to int8 and the GGUF types "
                      "in lower case, as q4_0 and q8_0");
  if (recipe.group || recipe.symmetric)
    return usageError("--type ", recipe.type,
                      " has a group and a grid of its own: --group, "
                      "--symmetric and --asymmetric go with int2 to int8");
  if (!format->quantized)
    return {};
  if (recipe.method == QuantizeMethod::Gptq) {
    std::optional<GroupedScheme> grid = groupedGrid(recipe.type);
    if (!grid)
      return usageError("--method gptq has no grid for --type ", recipe.type,
                        "; use q4_0, int2 to int8, or --method rtn");
    addGrouped(manager, recipe, *grid);
    pack();
    return {};
  }
  GgufQuantizeOptions options;
  options.type = recipe.type;
  options.archive = recipe.archive;
  manager.addPass(createGgufQuantize(options));
  if (recipe.ggufBlocks)
    pack();
  return {};
}
