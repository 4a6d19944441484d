//===- OutputFormat.cpp - what qopt quantize writes -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Quantize/Options.h"

#include "qopt/Export/ExportGguf.h"

#include <filesystem>

using namespace qopt;

static Result<std::vector<WeightRow>> planMlir(Model &model) {
  return weightTable(*model.module);
}

static Status writeMlir(Model &model, const QuantizeOptions &options, int64_t) {
  std::string directory = std::filesystem::path(options.output).parent_path();
  rebaseFiles(*model.module, model.services->options().baseDirectory,
              directory.empty() ? "." : directory);
  return writeModule(*model.module, options.output, options.overwrite);
}

static Result<std::vector<WeightRow>> planGguf(Model &model) {
  return ggufTable(*model.module, {});
}

static Status writeGguf(Model &model, const QuantizeOptions &options,
                        int64_t sources) {
  ExportGgufOptions gguf;
  gguf.parts = options.outputs(sources).size();
  gguf.overwrite = options.overwrite;
  gguf.importance = options.importance ? &*options.importance : nullptr;
  return exportGguf(*model.module, *model.services, options.output, gguf);
}

static constexpr OutputFormat formats[] = {
    {.name = "mlir",
     .defaultType = "int4",
     .encodes = false,
     .keepsArchive = true,
     .plan = planMlir,
     .write = writeMlir},
    {.name = "gguf",
     .defaultType = "q4_0",
     .encodes = true,
     .keepsArchive = false,
     .plan = planGguf,
     .write = writeGguf},
};

std::span<const OutputFormat> qopt::outputFormats() { return formats; }
