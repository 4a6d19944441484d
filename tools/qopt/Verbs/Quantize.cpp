//===- Quantize.cpp - qopt quantize --------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Flags stand in Quantize/Options, what can be written in
// Quantize/OutputFormat, and which passes run in Transforms/QuantizeRecipe.
//
//===----------------------------------------------------------------------===//
#include "Quantize/Options.h"
#include "Quantize/Report.h"
#include "Quantize/Resume.h"
#include "Quantize/Summary.h"
#include "Verbs.h"

#include "qopt/IO/AtomicDirectory.h"
#include "qopt/IO/AtomicFile.h"
#include "qopt/Support/Stopwatch.h"
#include "qopt/Transforms/Importance.h"
#include "qopt/Transforms/Requantize.h"

#include "mlir/Pass/PassManager.h"

#include <filesystem>

using namespace qopt;
namespace fs = std::filesystem;

namespace {
/// Removes the archive of a run, unless it is kept, however the run ends.
class TemporaryArchive {
public:
  explicit TemporaryArchive(const QuantizeOptions &options)
      : path(options.archive()), kept(options.format().keepsArchive) {}
  ~TemporaryArchive() {
    std::error_code ignored; // it may not have been needed
    if (!kept)
      fs::remove(path, ignored);
  }

private:
  std::string path;
  bool kept;
};
} // namespace

static Status refuseToReplace(QuantizeOptions &options) {
  QOPT_CHECK(checkOutputName(options.format(), options.output));
  options.overwrite |= ownsOutputs(options);
  if (options.format().directory)
    QOPT_CHECK(checkOutputDirectory(options.output, options.overwrite));
  else if (!options.files.keepSplit)
    QOPT_CHECK(checkOutput(options.output, options.overwrite));
  for (const std::string &file : reportFiles(options.report))
    QOPT_CHECK(checkOutput(file, options.overwrite));
  // What a killed run left under the hidden name is nobody's.
  return checkOutput(options.archive(),
                     options.overwrite || !options.format().keepsArchive);
}

/// Nothing that the model consists of may be replaced.
static Status refuseToReplaceInputs(Model &model,
                                    const QuantizeOptions &options) {
  const std::vector<std::string> inputs = model.inputs();
  for (const std::string &output :
       options.outputs(sourceCount(*model.module))) {
    QOPT_CHECK(checkOutput(output, options.overwrite));
    QOPT_CHECK(checkOutputIsNoInput(output, inputs));
  }
  return checkOutputIsNoInput(options.archive(), inputs);
}

/// Whether nothing is left to do: a run that was killed had written everything,
/// and no report is asked for.
static bool isFinished(Model &model, const QuantizeOptions &options) {
  return hasPublished(model, options) && options.report.empty() &&
         options.evaluate.empty();
}

static Status quantize(Model &model, QuantizeOptions &options) {
  QuantizeRecipe &recipe = options.recipe;
  recipe.archive =
      relativePath(options.archive(), model.services->options().baseDirectory);
  QOPT_CHECK(checkRecipe(recipe));
  std::string original = moduleHash(*model.module);
  if (!recipe.imatrix.empty()) {
    QOPT_ASSIGN(options.importance, ImportanceMatrix::open(recipe.imatrix));
    recipe.types.importance = true;
  }
  QOPT_ASSIGN(AssignedTypes assigned, assignTypes(*model.module, recipe.types));
  for (const std::string &note : assigned.notes)
    model.services->progress().note(note);
  if (options.importance) {
    QOPT_ASSIGN(std::string unknown,
                checkImportance(*model.module, *options.importance));
    if (!unknown.empty())
      model.services->progress().note(
          str(recipe.imatrix, ": weights without importance: ", unknown));
  }
  QOPT_CHECK(prepareRequantization(*model.module, options.allowRequantize));
  // What cannot be written is known before hours of work.
  QOPT_CHECK(options.format().plan(model, options));
  mlir::PassManager manager(model.context.get());
  buildQuantizePipeline(manager, recipe);
  QOPT_CHECK(openRunState(model, options, original, manager));
  return isFinished(model, options) ? Status() : runPasses(model, manager);
}

/// Measures a quantized model, if that is asked for.
static Result<std::shared_ptr<const QuantizationReport>>
report(Model &quantized, mlir::ModuleOp scaled,
       const QuantizeOptions &options) {
  if (options.report.empty() && options.evaluate.empty())
    return nullptr;
  QOPT_ASSIGN(Model original, openModel(options.model, options.machine,
                                        quantized.services->progress()));
  QOPT_ASSIGN(QuantizationReport report,
              makeReport(quantized, original, scaled, options));
  QOPT_CHECK(measureQuality(quantized, original, options, report));
  return std::make_shared<const QuantizationReport>(std::move(report));
}

/// What is written carries its quality, unless writing is what encodes it.
static Status measureAndWrite(Model &model, const QuantizeOptions &options,
                              int64_t sources, QuantizeSummary &summary) {
  if (isFinished(model, options)) {
    model.services->progress().note(
        "the run that was stopped had written everything; nothing is done "
        "again");
    return {};
  }
  recordRecipe(*model.module, options.recipe);
  if (!options.format().encodes) {
    QOPT_ASSIGN(summary.report, report(model, *model.module, options));
  }
  QOPT_CHECK(beginPublishing(model, options));
  QOPT_CHECK(options.format().write(model, options, sources));
  QOPT_CHECK(endPublishing(model, options));
  bool wanted = !options.report.empty() || !options.evaluate.empty();
  if (options.format().encodes && wanted) {
    QOPT_ASSIGN(Model written,
                openModel(options.outputs(sources).front(), options.machine,
                          model.services->progress()));
    recordRecipe(*written.module, options.recipe);
    QOPT_ASSIGN(summary.report, report(written, *model.module, options));
  }
  return {};
}

Result<QuantizeSummary> qopt::quantizeModel(QuantizeOptions &options,
                                            Progress &progress) {
  QOPT_CHECK(refuseToReplace(options));
  QOPT_ASSIGN(Model model, openModel(options.model, options.machine, progress));
  QOPT_CHECK(refuseToReplaceInputs(model, options));
  int64_t sources = sourceCount(*model.module);
  WeightTotal before(weightTable(*model.module));
  if (before.numbers == 0)
    return badInput(options.model, ": holds no weights to quantize");
  TemporaryArchive archive(options);
  QuantizeSummary summary;
  Status status = quantize(model, options);
  if (status)
    status = measureAndWrite(model, options, sources, summary);
  if (!status)
    return tl::unexpected(stoppedError(model, status.error()));
  QOPT_ASSIGN(std::vector<WeightRow> written,
              options.format().plan(model, options));
  summary.outputs = options.outputs(sources);
  summary.before = before;
  summary.after = WeightTotal(written);
  if (RunState *state = model.services->runState()) {
    summary.resumedBlocks = state->resumed();
    state->remove();
  }
  return summary;
}

Status qopt::runQuantize(std::span<char *> words) {
  QuantizeOptions options;
  QOPT_ASSIGN(bool proceed, options.parse(words));
  if (!proceed)
    return {};
  StderrProgress progress;
  catchInterrupts();
  Stopwatch watch;
  QOPT_ASSIGN(QuantizeSummary summary,
              watch.measure([&] { return quantizeModel(options, progress); }));
  summary.seconds = watch.seconds();
  if (summary.report && !options.report.empty())
    QOPT_CHECK(writeReport(*summary.report, summary, options.report,
                           options.overwrite));
  summary.print(options);
  return {};
}
