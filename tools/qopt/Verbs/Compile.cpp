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
#include "qopt/Support/Stopwatch.h"

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

namespace {
struct CompileFlags {
  std::string model, output, cpu = "host", features;
  bool overwrite = false;
  MachineOptions machine;

  /// Usage errors name the flag. False if help was printed instead.
  Result<bool> parse(std::span<char *> words);
  /// The object, and the weights beside it.
  std::vector<std::string> outputs() const {
    return {output, compiledWeightsPath(output)};
  }
};
} // namespace

Result<bool> CompileFlags::parse(std::span<char *> words) {
  size_t target = 0; // there is one
  Arguments arguments(
      "compile",
      "Compiles a model to a shared object that runs it, and writes "
      "its weights beside it, as OUT's stem .weights.safetensors. "
      "C programs use it through qopt_rt.h; verbs take it as MODEL.");
  arguments.positional("MODEL", "checkpoint directory, .gguf, .mlir or .mlirbc",
                       model);
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
  if (proceed && !isCompiledFile(output))
    return usageError("-o must end in .so");
  return proceed;
}

Status qopt::runCompile(std::span<char *> words) {
  CompileFlags flags;
  QOPT_ASSIGN(bool proceed, flags.parse(words));
  if (!proceed)
    return {};
  for (const std::string &file : flags.outputs())
    QOPT_CHECK(checkOutput(file, flags.overwrite));

  StderrProgress progress;
  catchInterrupts();
  QOPT_ASSIGN(Model model, openModel(flags.model, flags.machine, progress));
  for (const std::string &file : flags.outputs())
    QOPT_CHECK(checkOutputIsNoInput(file, model.inputs()));
  const std::string archive = compiledWeightsPath(flags.output);
  Stopwatch watch;
  QOPT_ASSIGN(cpu::CpuTarget target,
              cpu::CpuTarget::resolve(flags.cpu, flags.features));
  cpu::ModelCompilerOptions options;
  options.archive = fs::path(archive).filename().string();
  QOPT_ASSIGN(options.tokenizer, tokenizerReference(model, flags.output));
  QOPT_ASSIGN(cpu::CompiledModel compiled, watch.measure([&] {
    return cpu::compileModel(*model.module, *model.services, target, options);
  }));
  QOPT_ASSIGN(std::string object, watch.measure([&] {
    return cpu::emitModelFile(*compiled.code, runtimeArchivePath());
  }));
  for (const std::string &each : compiled.decoded)
    progress.note("linears that are decoded to f32, for lack of a kernel: " +
                  each);
  // The weights first: whoever sees the code finds them.
  QOPT_CHECK(compiled.weights.write(archive, flags.overwrite, progress));
  QOPT_CHECK(writeTextFile(flags.output, object, flags.overwrite));
  std::fprintf(stderr, "%s: %.2f MB of code for %s, compiled in %.1f s\n",
               flags.output.c_str(), double(object.size()) * 1e-6,
               target.cpu().c_str(), watch.seconds());
  std::fprintf(stderr, "%s: %.2f MB of weights\n", archive.c_str(),
               double(compiled.weights.totalBytes()) * 1e-6);
  return {};
}
