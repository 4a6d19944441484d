//===- Import.cpp - qopt import -------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Arguments.h"
#include "Driver.h"
#include "Verbs.h"

#include "qopt/IO/AtomicFile.h"
#include "qopt/Import/Import.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdio>
#include <filesystem>

using namespace qopt;
namespace fs = std::filesystem;

/// A damaged checkpoint may hold thousands of tensors that nobody uses.
static constexpr size_t kMostRemarks = 20;

static void printRemarks(const std::vector<std::string> &remarks) {
  for (size_t i = 0; i < std::min(remarks.size(), kMostRemarks); ++i)
    std::fprintf(stderr, "qopt import: warning: %s\n", remarks[i].c_str());
  if (remarks.size() > kMostRemarks)
    std::fprintf(stderr, "qopt import: warning: … and %zu more\n",
                 remarks.size() - kMostRemarks);
}

static Result<std::string> printModule(mlir::ModuleOp module, bool asBytecode) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (!asBytecode)
    module.print(stream);
  else if (failed(mlir::writeBytecodeToFile(module, stream)))
    return internalError("the module cannot be written as bytecode");
  return text;
}

Status qopt::runImport(std::span<char *> words) {
  std::string source, output;
  bool overwrite = false;
  Arguments arguments("import", "Turns a checkpoint into MLIR that refers to "
                                "its weights; none are copied.");
  arguments.positional("SRC",
                       "a checkpoint directory (config.json and "
                       "safetensors) or a .gguf file",
                       source);
  arguments.required("-o,--output", "M.mlir",
                     "the module; as bytecode if it ends in .mlirbc", output);
  arguments.flag("--overwrite", "replace the module if it exists", overwrite);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  if (!proceed)
    return {};

  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  ImportOptions options;
  options.outputDirectory = fs::path(output).parent_path().string();
  if (options.outputDirectory.empty())
    options.outputDirectory = ".";
  QOPT_ASSIGN(ImportedModel model, importModel(context, source, options));
  QOPT_CHECK(checkOutputIsNoInput(output, model.inputs));
  QOPT_ASSIGN(std::string text,
              printModule(*model.module, output.ends_with(".mlirbc")));
  QOPT_CHECK(writeTextFile(output, text, overwrite));
  printRemarks(model.remarks);
  return {};
}
