//===- Engine.cpp - what computes the logits of a model -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Engine/Engine.h"
#include "Engine/FileModel.h"
#include "Engine/JitModel.h"

#include "qopt/IO/Json.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cstdlib>
#include <filesystem>

using namespace qopt;
namespace fs = std::filesystem;

void CacheOption::declare(Arguments &arguments) {
  arguments.choice("--kv-cache", {"f16", "int8"},
                   "compiled: keys and values in f16 (default) or in bytes",
                   kind);
}

int32_t CacheOption::runtimeType(bool exact) const {
  if (exact)
    return QOPT_RT_CACHE_F32;
  return kind == 1 ? QOPT_RT_CACHE_I8 : QOPT_RT_CACHE_F16;
}

void EngineOptions::declare(Arguments &arguments, Kind usual) {
  kind = usual;
  arguments.choice(
      "--engine", {"auto", "compiled", "interpreter"},
      usual == Auto ? "auto (default): compiled, or interpreted if an op is "
                      "not covered; compiled; interpreter: the f32 reference. "
                      "Code is kept in $QOPT_CACHE_DIR (~/.cache/qopt)"
                    : "interpreter (default): the f32 reference; compiled; "
                      "auto: compiled, or interpreted if an op is not "
                      "covered",
      kind);
  arguments.flag("--exact",
                 "compiled: f32 activations and cache of keys and values",
                 exact);
  arguments.flag("--no-repack",
                 "compiled: read GGUF blocks where they lie in the file: less "
                 "memory, much slower",
                 noRepack);
  cache.declare(arguments);
  arguments.option("--cpu", "NAME",
                   "compiled: for this CPU, as LLVM names it; default: host",
                   cpu);
}

bool qopt::isCompiledFile(const std::string &path) {
  return path.ends_with(".so");
}

std::string qopt::compiledWeightsPath(const std::string &path) {
  return fs::path(path).replace_extension(".weights.safetensors").string();
}

std::string qopt::codeCacheDirectory() {
  if (const char *chosen = std::getenv("QOPT_CACHE_DIR"))
    return chosen;
  llvm::SmallString<128> path;
  if (!llvm::sys::path::cache_directory(path))
    return "";
  llvm::sys::path::append(path, "qopt");
  return path.str().str();
}

std::string qopt::runtimeArchivePath() {
  static int anchor;
  std::string tool = llvm::sys::fs::getMainExecutable("qopt", &anchor);
  return (fs::path(tool).parent_path().parent_path() / "lib" / "libqopt_rt.a")
      .string();
}

static Result<OpenedModel> openFile(const std::string &path,
                                    const MachineOptions &machine,
                                    const EngineOptions &engine) {
  QoptRtOptions options = {};
  options.threads = int32_t(machine.threads);
  options.cache = engine.cache.runtimeType(engine.exact);
  OpenedModel result;
  result.model.path = path;
  QOPT_ASSIGN(auto file, FileModel::open(path, options));
  QOPT_ASSIGN(JsonDocument description,
              JsonDocument::parse(file->description(), path));
  if (auto tokenizer = description.root().find("tokenizer")) {
    QOPT_ASSIGN(std::string_view name, tokenizer->asString());
    result.tokenizerPath = (fs::path(path).parent_path() / name).string();
  }
  result.language = std::move(file);
  return result;
}

/// Tells of weights that are read as f32, which is slow.
static void noteDecoded(const JitModel &model, Progress &progress) {
  std::string list;
  for (const std::string &each : model.decoded())
    list += (list.empty() ? "" : ", ") + each;
  if (!list.empty())
    progress.note("linears that are decoded to f32, for lack of a kernel: " +
                  list);
}

Result<OpenedModel> qopt::openForUse(const std::string &path,
                                     const MachineOptions &machine,
                                     const EngineOptions &engine,
                                     Progress &progress) {
  if (isCompiledFile(path))
    return openFile(path, machine, engine);
  OpenedModel result;
  QOPT_ASSIGN(result.model, openModel(path, machine, progress));
  if (engine.kind != EngineOptions::Interpreter) {
    JitModel::Options options;
    options.cpu = engine.cpu;
    options.exact = engine.exact;
    options.repack = !engine.noRepack;
    options.cache = engine.cache.runtimeType(engine.exact);
    options.threads = machine.threads;
    options.codeCache = codeCacheDirectory();
    auto compiled = JitModel::create(*result.model.module,
                                     *result.model.services, options, progress);
    if (compiled) {
      noteDecoded(**compiled, progress);
      result.language = std::move(*compiled);
      return result;
    }
    if (engine.kind == EngineOptions::Compiled ||
        compiled.error().kind != ErrorKind::BadInput)
      return tl::unexpected(compiled.error());
    progress.note("interpreted, not compiled: " + compiled.error().message);
  }
  result.interpreter = std::make_unique<Interpreter>(*result.model.module,
                                                     result.model.services);
  QOPT_ASSIGN(LanguageModel language,
              LanguageModel::create(*result.interpreter));
  result.language = std::make_unique<LanguageModel>(std::move(language));
  return result;
}

Result<Tokenizer> OpenedModel::tokenizer() {
  if (model.module)
    return model.tokenizer();
  if (tokenizerPath.empty())
    return badInput(model.path, ": the model was compiled without a tokenizer");
  return Tokenizer::load(tokenizerPath);
}
