//===- Export.cpp - qopt export -------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "FileOptions.h"
#include "Model.h"
#include "Verbs.h"

#include "qopt/Export/ExportGguf.h"
#include "qopt/IO/AtomicFile.h"
#include "qopt/IO/Gguf.h"
#include "qopt/Support/Progress.h"

#include <cstdio>

using namespace qopt;

/// --format, in the order of CheckpointFormat; GGUF comes first.
static constexpr std::string_view formats[] = {"gguf", "gptq", "awq",
                                               "compressed-tensors"};

Status qopt::runExport(std::span<char *> words) {
  std::string source, output;
  size_t format = 0, type = 0;
  bool overwrite = false;
  FileOptions files;
  MachineOptions machine;
  Arguments arguments("export", "Writes a model, quantized or not, as files of "
                                "other programs. Nothing is quantized.");
  arguments.positional(
      "MODEL", "a checkpoint directory, .gguf, .mlir or .mlirbc", source);
  arguments.required("-o,--output", "OUT", "the file or directory to write",
                     output);
  arguments.choice("--format", {std::begin(formats), std::end(formats)},
                   "a GGUF file (default), or a checkpoint directory", format);
  arguments.choice("--type", {"f16", "f32", "bf16", "keep"},
                   "gguf: how float matrices are stored: f16 (default), f32, "
                   "bf16, or as the model has them",
                   type);
  files.declareSplit(arguments);
  files.declare(arguments);
  machine.declare(arguments);
  arguments.flag("--overwrite", "replace OUT if it exists", overwrite);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  if (!proceed)
    return {};
  if (format > 0 && (files.keepSplit || type > 0))
    return usageError("--keep-split and --type go with --format gguf");

  StderrProgress progress;
  catchInterrupts();
  QOPT_ASSIGN(Model model, openModel(source, machine, progress));
  QOPT_CHECK(checkOutputIsNoInput(output, model.inputs()));
  int64_t parts = files.keepSplit ? sourceCount(*model.module) : 1;
  if (format > 0) {
    QOPT_ASSIGN(ExportCheckpointOptions options,
                files.forFormat(CheckpointFormat(format - 1), overwrite));
    QOPT_CHECK(
        exportCheckpoint(*model.module, *model.services, output, options));
  } else {
    static constexpr std::optional<GgufType> types[] = {
        GgufType::F16, GgufType::F32, GgufType::BF16, std::nullopt};
    QOPT_CHECK(exportGguf(
        *model.module, *model.services, output,
        {.floatType = types[type], .parts = parts, .overwrite = overwrite}));
  }
  if (parts > 1)
    std::printf("%-12s %s and %lld more parts\n", "output",
                ggufPartName(output, 0, parts).c_str(), (long long)(parts - 1));
  else
    std::printf("%-12s %s\n", "output", output.c_str());
  return {};
}
