//===- QuantizeRecipe.cpp - what a user asks for, as passes --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Transforms/QuantizeRecipe.h"
#include "qopt/Dialect/QOpt/QOptDialect.h"
#include "qopt/Formats/BlockGrid.h"
#include "qopt/Formats/Mix.h"
#include "qopt/Transforms/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/Pass/PassManager.h"

#include <filesystem>

using namespace mlir;
using namespace qopt;

/// The quantized GGUF type of most weights, null if they are to be others.
static const FormatRow *ggufBase(const std::string &type) {
  const Mix *mix = findMix(type);
  const FormatRow *format = mix ? findFormat(mix->base) : findFormat(type);
  return format && format->quantized ? format : nullptr;
}

std::string_view qopt::quantizeMethodName(QuantizeMethod method) {
  switch (method) {
  case QuantizeMethod::Rtn:
    return "rtn";
  case QuantizeMethod::Gptq:
    return "gptq";
  case QuantizeMethod::Awq:
    return "awq";
  case QuantizeMethod::AwqGptq:
    break;
  }
  return "awq+gptq";
}

static bool compensates(const QuantizeRecipe &recipe) {
  return recipe.method == QuantizeMethod::Gptq ||
         recipe.method == QuantizeMethod::AwqGptq;
}

static bool scales(const QuantizeRecipe &recipe) {
  return recipe.method == QuantizeMethod::Awq ||
         recipe.method == QuantizeMethod::AwqGptq;
}

Status qopt::checkRecipe(const QuantizeRecipe &recipe) {
  const std::string &type = recipe.types.type;
  const FormatRow *format = ggufBase(type);
  if (compensates(recipe) && format && !findBlockGrid(format->type))
    return usageError("--method gptq has no grid for --type ", type,
                      "; use another type or --method rtn or awq");
  if (recipe.gptaq.value_or(0) > 0 && !recipe.calibration.stats.empty())
    return usageError("--gptaq compares with the inputs of the float model, "
                      "which --stats does not hold; give a text");
  if (recipe.method == QuantizeMethod::AwqGptq &&
      !recipe.calibration.stats.empty())
    return usageError("--stats with --method awq+gptq: scaling changes the "
                      "inputs that were measured; give a text");
  return {};
}

/// How much of the error of inputs is made up for: what the pass does by
/// default, if there is a float model to compare with.
static double inputShare(const QuantizeRecipe &recipe) {
  const bool comparable = recipe.calibration.stats.empty();
  return recipe.gptaq.value_or(comparable ? GptqQuantizeOptions().gptaq : 0);
}

static std::unique_ptr<Pass> gptq(const QuantizeRecipe &recipe) {
  GptqQuantizeOptions options;
  options.head = recipe.types.head;
  options.archive = recipe.archive;
  options.order = recipe.order;
  options.damp = recipe.damp;
  options.mse = recipe.mse;
  options.rounds = recipe.rounds;
  options.gptaq = inputShare(recipe);
  options.text = recipe.calibration.text;
  options.samples = recipe.calibration.samples;
  options.ctx = recipe.calibration.context;
  options.stats = recipe.calibration.stats;
  options.sequential = recipe.calibration.sequential;
  return createGptqQuantize(options);
}

static std::unique_ptr<Pass> awq(const QuantizeRecipe &recipe) {
  AwqScaleFoldOptions options;
  options.head = recipe.types.head;
  // GPTQ would make up for what was clipped: it is worse with clips than
  // without scales (docs/Results.md).
  options.clip = !compensates(recipe);
  options.text = recipe.calibration.text;
  options.samples = std::min(recipe.calibration.samples, recipe.scaleSamples);
  options.ctx = recipe.calibration.context;
  options.stats = recipe.calibration.stats;
  return createAwqScaleFold(options);
}

void qopt::buildQuantizePipeline(OpPassManager &manager,
                                 const QuantizeRecipe &recipe) {
  if (scales(recipe))
    manager.addPass(awq(recipe));
  if (compensates(recipe))
    manager.addPass(gptq(recipe));
  // What the method leaves: grids without compensation, tables of embeddings.
  RtnQuantizeOptions nearest;
  nearest.archive = recipe.archive;
  manager.addPass(createRtnQuantize(nearest));
  if (recipe.encodesOnExport)
    return;
  GgufQuantizeOptions encode;
  encode.archive = recipe.archive;
  encode.imatrix = recipe.imatrix;
  manager.addPass(createGgufQuantize(encode));
}

void qopt::recordRecipe(ModuleOp module, const QuantizeRecipe &recipe) {
  Builder builder(module.getContext());
  NamedAttrList entries;
  auto text = [&](StringRef key, const std::string &value) {
    entries.set(key, builder.getStringAttr(value));
  };
  auto count = [&](StringRef key, int64_t value) {
    entries.set(key, builder.getI64IntegerAttr(value));
  };
  text("method", std::string(quantizeMethodName(recipe.method)));
  text("type", recipe.types.type);
  // Names of files say what a stranger can use; directories are private.
  auto name = [](const std::string &path) {
    return std::filesystem::path(path).filename().string();
  };
  if (!recipe.imatrix.empty())
    text("importance", name(recipe.imatrix));
  if (compensates(recipe)) {
    text("order", recipe.order);
    entries.set("damp", builder.getF64FloatAttr(recipe.damp));
    entries.set("mse", builder.getBoolAttr(recipe.mse));
    count("rounds", recipe.rounds);
    entries.set("gptaq", builder.getF64FloatAttr(inputShare(recipe)));
  }
  if (recipe.method != QuantizeMethod::Rtn) {
    const CalibrationOptions &calibration = recipe.calibration;
    if (!calibration.stats.empty()) {
      text("statistics", name(calibration.stats));
    } else if (calibration.text.empty()) {
      text("calibration", "text that the model wrote itself");
    } else {
      text("calibration", name(calibration.text));
      count("samples", calibration.samples);
      if (calibration.context > 0)
        count("context", calibration.context);
    }
  }
  module->setAttr(QOptDialect::kRecipe,
                  entries.getDictionary(module.getContext()));
}
