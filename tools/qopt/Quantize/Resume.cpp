//===- Resume.cpp - going on with a run that was stopped ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Quantize/Resume.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/IO/AtomicFile.h"
#include "qopt/IO/Hash.h"
#include "qopt/IO/MappedFile.h"
#include "qopt/Weights/Publication.h"

#include "mlir/Pass/PassManager.h"

#include <filesystem>

using namespace qopt;
namespace fs = std::filesystem;

std::string qopt::moduleHash(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return ContentHash().update(text).hex();
}

static Result<std::string> contentHash(const std::string &path) {
  QOPT_ASSIGN(std::shared_ptr<const MappedFile> file, MappedFile::open(path));
  return ContentHash().update(file->bytes().data(), file->size()).hex();
}

/// What the samples are taken from, and how many.
static Result<std::string> calibrationHash(const CalibrationOptions &options) {
  const std::string &file =
      options.stats.empty() ? options.text : options.stats;
  std::string content = "self";
  if (!file.empty()) {
    QOPT_ASSIGN(content, contentHash(file));
  }
  return str(content, ", ", options.samples, " x ", options.context);
}

static Result<std::string> tokenizerHash(Model &model) {
  auto file =
      (*model.module)->getAttrOfType<FileAttr>(llm::LLMDialect::kTokenizer);
  if (!file)
    return "none";
  QOPT_ASSIGN(
      std::shared_ptr<const MappedFile> mapped,
      MappedFile::open(model.services->files().resolve(file.getPath())));
  return fileHash(*mapped);
}

/// This build of the tool: another may round otherwise.
static Result<std::string> programHash() {
  QOPT_ASSIGN(std::shared_ptr<const MappedFile> file,
              MappedFile::open("/proc/self/exe"));
  return fileHash(*file);
}

static Result<RunState::Fingerprint> fingerprint(Model &model,
                                                 const QuantizeOptions &options,
                                                 const std::string &original,
                                                 mlir::PassManager &manager) {
  const QuantizeRecipe &recipe = options.recipe;
  // Every option of every pass, also those that are still to be invented.
  std::string recipeText;
  llvm::raw_string_ostream stream(recipeText);
  manager.printAsTextualPipeline(stream);
  QOPT_ASSIGN(std::string program, programHash());
  QOPT_ASSIGN(std::string calibration, calibrationHash(recipe.calibration));
  QOPT_ASSIGN(std::string tokenizer, tokenizerHash(model));
  return RunState::Fingerprint{
      {"model", original},
      {"tokenizer", tokenizer},
      {"calibration data", calibration},
      {"choice of types", moduleHash(*model.module)},
      {"recipe", recipeText},
      {"instruction set", std::string(isaName(model.services->options().isa))},
      {"build of qopt", program},
  };
}

Status qopt::openRunState(Model &model, const QuantizeOptions &options,
                          const std::string &original,
                          mlir::PassManager &manager) {
  if (options.recipe.method == QuantizeMethod::Rtn)
    return {};
  QOPT_ASSIGN(RunState::Fingerprint known,
              fingerprint(model, options, original, manager));
  QOPT_ASSIGN(std::unique_ptr<RunState> state,
              RunState::open(options.runStatePath(), known,
                             options.resume      ? RunState::Mode::Resume
                             : options.overwrite ? RunState::Mode::Discard
                                                 : RunState::Mode::Start));
  if (state->finished() > 0)
    model.services->progress().note(
        str("going on with ", state->finished(), " finished blocks"));
  model.services->setRunState(std::move(state));
  return {};
}

static bool isMarked(const QuantizeOptions &options, const char *name) {
  std::error_code failed;
  return fs::exists(fs::path(options.runStatePath()) / name, failed);
}

static Status mark(Model &model, const QuantizeOptions &options,
                   const char *name) {
  if (!model.services->runState())
    return {};
  return writeTextFile(fs::path(options.runStatePath()) / name, "", true);
}

bool qopt::ownsOutputs(const QuantizeOptions &options) {
  if (!options.resume)
    return false;
  // The archive of a module comes first: without the module it is nobody's.
  std::error_code failed;
  return isMarked(options, kPublishing) ||
         (isMarked(options, "run.json") && !fs::exists(options.output, failed));
}

bool qopt::hasPublished(Model &model, const QuantizeOptions &options) {
  return model.services->runState() && isMarked(options, kPublished);
}

Status qopt::beginPublishing(Model &model, const QuantizeOptions &options) {
  return mark(model, options, kPublishing);
}

Status qopt::endPublishing(Model &model, const QuantizeOptions &options) {
  return mark(model, options, kPublished);
}

Error qopt::stoppedError(Model &model, const Error &error) {
  RunState *state = model.services->runState();
  if (!state || state->finished() == 0)
    return error;
  return {error.kind, str(error.message, "; ", state->finished(),
                          " finished blocks are kept, and the same command "
                          "with --resume goes on with them")};
}
