//===- Export.cpp - qopt export
//----------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Model.h"
#include "Verbs.h"

#include "qopt/Export/ExportGguf.h"
#include "qopt/IO/AtomicFile.h"

using namespace qopt;

Status qopt::runExport(std::span<char *> words) {
  std::string source, output;
  size_t format = 0, type = 0;
  bool keepSplit = false, overwrite = false;
  MachineOptions machine;
  Arguments arguments("export", "Writes a model, quantized or not, as files of "
                                "other programs. Nothing is quantized.");
  arguments.positional(
      "MODEL", "a checkpoint directory, .gguf, .mlir or .mlirbc", source);
  arguments.required("-o,--output", "OUT", "the file to write", output);
  arguments.choice("--format", {"gguf"}, "what to write", format);
  arguments.choice("--type", {"f16", "f32", "bf16", "keep"},
                   "how float matrices are stored: f16 (default), f32, bf16, "
                   "or as the model has them",
                   type);
  arguments.flag("--keep-split",
                 "as many files as the model has, OUT-00001-of-0000N.gguf",
                 keepSplit);
  machine.declare(arguments);
  arguments.flag("--overwrite", "replace OUT if it exists", overwrite);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  if (!proceed)
    return {};

  static constexpr std::optional<GgufType> types[] = {
      GgufType::F16, GgufType::F32, GgufType::BF16, std::nullopt};
  StderrProgress progress;
  QOPT_ASSIGN(Model model, openModel(source, machine, progress));
  const std::string inputs[] = {source};
  QOPT_CHECK(checkOutputIsNoInput(output, inputs));
  return exportGguf(*model.module, *model.services, output,
                    {.floatType = types[type],
                     .parts = keepSplit ? sourceCount(*model.module) : 1,
                     .overwrite = overwrite});
}
