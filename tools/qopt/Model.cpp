//===- Model.cpp - opens what verbs call MODEL ----------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Model.h"
#include "Driver.h"
#include "Nesting.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/IO/AtomicFile.h"
#include "qopt/IO/MappedFile.h"
#include "qopt/Import/Import.h"
#include "qopt/Interp/Interpreter.h"
#include "qopt/Support/MachineMemory.h"
#include "qopt/Weights/DiagnosticKind.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

using namespace qopt;
namespace fs = std::filesystem;

void MachineOptions::declare(Arguments &arguments) {
  arguments.option("--threads", "N", "threads, 0: one per processor", threads);
  arguments.option("--isa", "NAME",
                   "instruction set of dense kernels: auto, baseline, avx2, "
                   "avx512",
                   isa);
}

void qopt::declareSampleOptions(Arguments &arguments, int64_t &samples,
                                int64_t &context, MachineOptions &machine) {
  arguments.option("--samples", "N",
                   "samples of the text, at most; default 128", samples);
  arguments.option("--ctx", "N",
                   "tokens per sample; default: min(2048, that of the model)",
                   context);
  arguments.option("--max-memory", "MIB",
                   "hold more MiB of activations than that on disk (in "
                   "$TMPDIR); default: half of the memory of this machine",
                   machine.maxMemory);
}

/// What a file that is no module is instead, and what to do; else "".
static std::string adviceAbout(const std::string &path) {
  if (path.ends_with(".so"))
    return "is a compiled model, which only run, eval and bench take";
  std::error_code failed;
  fs::path directory = fs::path(path).parent_path();
  if (fs::exists(directory / "config.json", failed))
    return str("is one file of a checkpoint; name the directory, ",
               directory.empty() ? "." : directory.string());
  char magic[4] = {};
  if (std::ifstream(path, std::ios::binary).read(magic, sizeof(magic)) &&
      std::string_view(magic, sizeof(magic)) == "GGUF")
    return "is a GGUF file, but its name does not end in .gguf";
  return "";
}

/// Parses a module; what the parser says becomes the error.
static Result<mlir::OwningOpRef<mlir::ModuleOp>>
parseModule(const std::string &path, mlir::MLIRContext &context) {
  QOPT_ASSIGN(std::string text, readWholeFile(path));
  QOPT_CHECK(checkNesting(text, path));
  std::string messages;
  mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error &&
            messages.empty())
          messages = str(locationText(diagnostic.getLocation()), ": ",
                         diagnostic.str());
        return mlir::success();
      });
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, path),
                              llvm::SMLoc());
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(
      sources, mlir::ParserConfig(&context));
  if (!module)
    return badInput(messages.empty() ? path + ": holds no module" : messages);
  return module;
}

/// The same for a file that may be anything. Who passes a file of another kind
/// is told so, not what the parser of modules makes of its first word.
static Result<mlir::OwningOpRef<mlir::ModuleOp>>
openModule(const std::string &path, mlir::MLIRContext &context) {
  auto module = parseModule(path, context);
  if (module || module.error().kind != ErrorKind::BadInput ||
      path.ends_with(".mlir") || path.ends_with(".mlirbc"))
    return module;
  if (std::string advice = adviceAbout(path); !advice.empty())
    return badInput(path, ": ", advice);
  return badInput(path,
                  ": is neither a checkpoint directory, nor a .gguf file, nor "
                  "a module; read as a module: ",
                  module.error().message);
}

/// For OWNER/NAME, which other programs download.
static std::string hubAdvice(const std::string &path) {
  fs::path name(path);
  std::error_code failed;
  bool isName = std::distance(name.begin(), name.end()) == 2 &&
                !path.starts_with(".") &&
                !fs::exists(name.parent_path(), failed);
  for (const char *ending : {".gguf", ".mlir", ".mlirbc", ".so"})
    isName &= !path.ends_with(ending);
  if (!isName)
    return "";
  return str("; models are not downloaded, but `hf download ", path,
             " --local-dir DIR` makes a directory that can be named");
}

Result<Model> qopt::openModel(const std::string &path,
                              const MachineOptions &machine,
                              Progress &progress) {
  if (machine.threads < 0 || machine.threads > 4096)
    return usageError("--threads must lie between 0 and 4096");
  QuantizationContext::Options options;
  if (machine.maxMemory < 0 || machine.maxMemory > int64_t(1) << 40)
    return usageError("--max-memory must be a number of MiB");
  options.threads = unsigned(machine.threads);
  options.maxMemory =
      machine.maxMemory > 0 ? machine.maxMemory << 20 : machineMemory() / 2;
  options.progress = &progress;
  QOPT_ASSIGN(options.isa, parseIsa(machine.isa));

  mlir::DialectRegistry registry;
  registerDialects(registry);
  Model model;
  model.path = path;
  model.context = std::make_unique<mlir::MLIRContext>(
      registry, mlir::MLIRContext::Threading::DISABLED);

  std::error_code failed;
  if (!fs::exists(path, failed))
    return ioError(path, ": no such file or directory", hubAdvice(path));
  if (fs::is_directory(path, failed) || path.ends_with(".gguf")) {
    QOPT_ASSIGN(ImportedModel imported, importModel(*model.context, path));
    model.module = std::move(imported.module);
    for (const std::string &remark : imported.remarks)
      progress.note(remark);
  } else {
    QOPT_ASSIGN(model.module, openModule(path, *model.context));
    if (fs::path parent = fs::path(path).parent_path(); !parent.empty())
      options.baseDirectory = parent.string();
  }
  model.services = std::make_shared<QuantizationContext>(std::move(options));
  attachQuantizationContext(*model.context, model.services);
  return model;
}

std::vector<std::string> Model::inputs() {
  std::vector<std::string> files = {path};
  std::error_code none; // not a directory
  for (const fs::directory_entry &entry : fs::directory_iterator(path, none))
    files.push_back(entry.path());
  for (mlir::NamedAttribute attribute : (*module)->getAttrs())
    attribute.getValue().walk([&](FileAttr file) {
      files.push_back(services->files().resolve(file.getPath()));
    });
  return files;
}

Result<Tokenizer> Model::tokenizer() {
  auto file = (*module)->getAttrOfType<FileAttr>(llm::LLMDialect::kTokenizer);
  if (!file)
    return badInput(path, ": the module names no ",
                    llm::LLMDialect::kTokenizer.str(),
                    ", which turns text into tokens");
  return Tokenizer::load(services->files().resolve(file.getPath()));
}

int64_t qopt::sourceCount(mlir::ModuleOp module) {
  auto sources =
      module->getAttrOfType<mlir::DictionaryAttr>(QOptDialect::kSources);
  return sources ? std::max<int64_t>(1, sources.size()) : 1;
}

Status qopt::writeModule(mlir::ModuleOp module, const std::string &path,
                         bool overwrite) {
  std::string content;
  llvm::raw_string_ostream stream(content);
  if (!path.ends_with(".mlirbc"))
    module.print(stream);
  else if (failed(mlir::writeBytecodeToFile(module, stream)))
    return internalError("the module cannot be written as bytecode");
  if (path == "-") {
    std::fwrite(content.data(), 1, content.size(), stdout);
    return {}; // runVerb sees whether it arrived
  }
  return writeTextFile(path, content, overwrite);
}

Status qopt::runPasses(Model &model, mlir::PassManager &manager) {
  Error error{ErrorKind::BadInput, ""};
  mlir::ScopedDiagnosticHandler handler(
      model.context.get(), [&](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
          model.services->progress().note(diagnostic.str());
        else if (error.message.empty())
          error = {errorKind(diagnostic), diagnostic.str()};
        return mlir::success();
      });
  if (succeeded(manager.run(*model.module)))
    return {};
  if (model.services->progress().stopped())
    return makeError(ErrorKind::Interrupted, "stopped; nothing was written");
  return tl::unexpected(std::move(error));
}
