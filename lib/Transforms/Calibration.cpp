//===- Calibration.cpp - the statistics that options ask for -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/IO/MappedFile.h"
#include "qopt/IO/Tokenizer.h"
#include "qopt/Interp/Evaluate.h"
#include "qopt/Interp/Generate.h"
#include "qopt/Transforms/StatsProvider.h"

using namespace mlir;
using namespace qopt;

/// Text that the model samples from itself if it is given none.
static constexpr int64_t selfSamples = 32;
static constexpr int64_t selfContext = 256;
static constexpr uint64_t selfSeed = 0;

static Result<Tokenizer> openTokenizer(Interpreter &interpreter) {
  auto file = interpreter.module()->getAttrOfType<FileAttr>(
      llm::LLMDialect::kTokenizer);
  if (!file)
    return badInput("the module has no llm.tokenizer, so no text can be "
                    "encoded for it; give saved statistics instead");
  return Tokenizer::load(
      interpreter.services().files().resolve(file.getPath()));
}

static Result<std::vector<std::vector<int32_t>>>
calibrationSamples(Interpreter &interpreter,
                   const CalibrationOptions &options) {
  if (options.samples < 1)
    return usageError("calibration needs at least one sample");
  QOPT_ASSIGN(LanguageModel model, LanguageModel::create(interpreter));
  int64_t limit = model.contextLength() > 0 ? model.contextLength() : 2048;
  QOPT_ASSIGN(Tokenizer tokenizer, openTokenizer(interpreter));
  Progress &progress = interpreter.services().progress();

  if (options.text.empty()) {
    int32_t start = tokenizer.bos().value_or(tokenizer.eos().value_or(0));
    int64_t length = std::min(selfContext, limit);
    progress.note(str("no calibration text was given: calibrating on ",
                      selfSamples, " samples of ", length,
                      " tokens that the model writes itself"));
    return sampleWindows(model, start, selfSamples, length, selfSeed, progress);
  }
  int64_t context =
      options.context > 0 ? options.context : std::min<int64_t>(2048, limit);
  if (context < 2 || context > limit)
    return usageError("calibration samples of ", context,
                      " tokens do not fit a model with a context of ", limit);
  QOPT_ASSIGN(std::string text, readTextFile(options.text));
  std::vector<TokenId> tokens = tokenizer.encode(text, {.prependBos = true});
  auto windows = cutWindows(tokens, context, options.samples);
  if (windows.empty())
    return usageError(options.text, ": has ", tokens.size(),
                      " tokens, which is less than one sample of ", context,
                      "; take a longer text or shorter samples (ctx)");
  if (int64_t(windows.size()) < options.samples)
    progress.note(str(options.text, ": has ", windows.size(), " samples of ",
                      context, " tokens"));
  return windows;
}

Result<std::unique_ptr<StatsProvider>>
qopt::makeStatsProvider(const QuantizationPlan &plan, Interpreter &interpreter,
                        const CalibrationOptions &options) {
  if (!options.stats.empty())
    return fileStats(options.stats);
  if (!plan.structure.entry) {
    if (!options.text.empty())
      return usageError("a text was given, but the module has no llm.entry "
                        "that could be run on it");
    emitWarning(
        interpreter.module().getLoc(),
        "no statistics were given and the module has no model to run: using "
        "the identity for H, which compensates nothing");
    return identityStats();
  }
  QOPT_ASSIGN(std::vector<std::vector<int32_t>> samples,
              calibrationSamples(interpreter, options));
  return liveStats(interpreter, plan, std::move(samples), options);
}
