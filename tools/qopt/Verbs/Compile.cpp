//===- Compile.cpp - qopt compile -----------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Engine/Engine.h"
#include "Verbs.h"

#include "qopt/Codegen/CPU/ModelCompiler.h"
#include "qopt/Codegen/CPU/ModelFile.h"
#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/IO/AtomicFile.h"
#include "qopt/Import/Import.h"

#include <chrono>
#include <cstdio>
#include <filesystem>

using namespace qopt;
namespace fs = std::filesystem;

/// The tokenizer of a module as a path from the directory of `output`; empty if
/// it names none.
static Result<std::string> tokenizerReference(Model &model,
                                              const std::string &output) {
  auto file =
      (*model.module)->getAttrOfType<FileAttr>(llm::LLMDialect::kTokenizer);
  if (!file)
    return std::string();
  std::string directory = fs::path(output).parent_path().string();
  return referencePath(model.services->files().resolve(file.getPath()),
                       directory.empty() ? "." : directory);
}

Status qopt::runCompile(std::span<char *> words) {
  std::string path, output, cpu = "host", features;
  bool overwrite = false;
  size_t target = 0;
  MachineOptions machine;
  Arguments arguments(
      "compile",
      "Compiles a model to a shared object that runs it, and writes "
      "its weights beside it, as OUT's stem .weights.safetensors. "
      "C programs use it through qopt_rt.h; verbs take it as MODEL.");
  arguments.positional("MODEL", "checkpoint directory, .gguf, .mlir or .mlirbc",
                       path);
  arguments.required("-o,--output", "OUT.so", "the file to write", output);
  arguments.choice("--target", {"cpu"}, "what to compile for", target);
  arguments.option("--cpu", "NAME",
                   "the CPU, as LLVM names it (x86-64-v3, znver4); default: "
                   "host",
                   cpu);
  arguments.option("--features", "LIST", "CPU features: +avx512vnni,-fma",
                   features);
  machine.declare(arguments);
  arguments.flag("--overwrite", "replace OUT if it exists", overwrite);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  if (!proceed)
    return {};
  if (!isCompiledFile(output))
    return usageError("-o must end in .so");
  const std::string archive =
      output.substr(0, output.size() - 3) + ".weights.safetensors";
  if (!overwrite && fs::exists(output))
    return usageError(output, " exists; --overwrite replaces it");
  for (const std::string &file : {output, archive})
    QOPT_CHECK(checkOutput(file, overwrite));

  StderrProgress progress;
  catchInterrupts();
  QOPT_ASSIGN(Model model, openModel(path, machine, progress));
  for (const std::string &file : {output, archive})
    QOPT_CHECK(checkOutputIsNoInput(file, model.inputs()));
  const auto start = std::chrono::steady_clock::now();
  QOPT_ASSIGN(cpu::CpuTarget chosen, cpu::CpuTarget::resolve(cpu, features));
  cpu::ModelCompilerOptions options;
  options.archive = fs::path(archive).filename().string();
  QOPT_ASSIGN(options.tokenizer, tokenizerReference(model, output));
  QOPT_ASSIGN(
      cpu::CompiledModel compiled,
      cpu::compileModel(*model.module, *model.services, chosen, options));
  QOPT_ASSIGN(std::string object,
              cpu::emitModelFile(*compiled.code, runtimeArchivePath()));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  for (const std::string &each : compiled.decoded)
    progress.note("linears that are decoded to f32, for lack of a kernel: " +
                  each);
  // The weights first: whoever sees the code finds them.
  QOPT_CHECK(compiled.weights.write(archive, overwrite, progress));
  QOPT_CHECK(writeTextFile(output, object, overwrite));
  std::fprintf(stderr, "%s: %.2f MB of code for %s, compiled in %.1f s\n",
               output.c_str(), double(object.size()) * 1e-6,
               chosen.cpu().c_str(), seconds);
  std::fprintf(stderr, "%s: %.2f MB of weights\n", archive.c_str(),
               double(compiled.weights.totalBytes()) * 1e-6);
  return {};
}
