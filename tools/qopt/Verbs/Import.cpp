//===- Import.cpp - qopt import -------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Arguments.h"
#include "Driver.h"
#include "Model.h"
#include "Verbs.h"

#include "qopt/IO/AtomicFile.h"
#include "qopt/Import/Import.h"

#include "mlir/IR/MLIRContext.h"

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

Status qopt::runImport(std::span<char *> words) {
  std::string source, output;
  bool overwrite = false;
  Arguments arguments("import", "Turns a checkpoint into MLIR that refers to "
                                "its weights; none are copied.");
  arguments.positional("SRC",
                       "a checkpoint directory (config.json and "
                       "safetensors) or a .gguf file",
                       source);
  arguments.required(
      "-o,--output", "M.mlir",
      "the module; as bytecode if it ends in .mlirbc; -: standard "
      "output",
      output);
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
  QOPT_CHECK(writeModule(*model.module, output, overwrite));
  printRemarks(model.remarks);
  return {};
}
