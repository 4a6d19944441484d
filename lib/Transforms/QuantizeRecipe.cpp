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

Status qopt::checkRecipe(const QuantizeRecipe &recipe) {
  const std::string &type = recipe.types.type;
  const FormatRow *format = ggufBase(type);
  if (recipe.method == QuantizeMethod::Gptq && format &&
      !findBlockGrid(format->type))
    return usageError("--method gptq has no grid for --type ", type,
                      "; use another type or --method rtn");
  return {};
}

static std::unique_ptr<Pass> gptq(const QuantizeRecipe &recipe) {
  GptqQuantizeOptions options;
  options.head = recipe.types.head;
  options.archive = recipe.archive;
  options.order = recipe.order;
  options.damp = recipe.damp;
  options.mse = recipe.mse;
  options.rounds = recipe.rounds;
  options.text = recipe.calibration.text;
  options.samples = recipe.calibration.samples;
  options.ctx = recipe.calibration.context;
  options.stats = recipe.calibration.stats;
  options.sequential = recipe.calibration.sequential;
  return createGptqQuantize(options);
}

void qopt::buildQuantizePipeline(OpPassManager &manager,
                                 const QuantizeRecipe &recipe) {
  if (recipe.method == QuantizeMethod::Gptq)
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
  bool gptq = recipe.method == QuantizeMethod::Gptq;
  text("method", gptq ? "gptq" : "rtn");
  text("type", recipe.types.type);
  // Names of files say what a stranger can use; directories are private.
  auto name = [](const std::string &path) {
    return std::filesystem::path(path).filename().string();
  };
  if (!recipe.imatrix.empty())
    text("importance", name(recipe.imatrix));
  if (gptq) {
    text("order", recipe.order);
    entries.set("damp", builder.getF64FloatAttr(recipe.damp));
    entries.set("mse", builder.getBoolAttr(recipe.mse));
    count("rounds", recipe.rounds);
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
