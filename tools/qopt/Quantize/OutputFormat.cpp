//===- OutputFormat.cpp - what qopt quantize writes -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Quantize/Options.h"

#include "qopt/Export/ExportCheckpoint.h"
#include "qopt/Export/ExportGguf.h"

#include <filesystem>

using namespace qopt;

static Result<std::vector<WeightRow>> planMlir(Model &model,
                                               const QuantizeOptions &) {
  return weightTable(*model.module);
}

static Status writeMlir(Model &model, const QuantizeOptions &options, int64_t) {
  std::string directory = std::filesystem::path(options.output).parent_path();
  rebaseFiles(*model.module, model.services->options().baseDirectory,
              directory.empty() ? "." : directory);
  return writeModule(*model.module, options.output, options.overwrite);
}

static Result<std::vector<WeightRow>> planGguf(Model &model,
                                               const QuantizeOptions &) {
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

template <CheckpointFormat format>
static Result<std::vector<WeightRow>>
planCheckpoint(Model &model, const QuantizeOptions &options) {
  QOPT_ASSIGN(ExportCheckpointOptions checkpoint,
              options.files.forFormat(format, options.overwrite));
  return checkpointTable(*model.module, checkpoint);
}

template <CheckpointFormat format>
static Status writeCheckpoint(Model &model, const QuantizeOptions &options,
                              int64_t) {
  QOPT_ASSIGN(ExportCheckpointOptions checkpoint,
              options.files.forFormat(format, options.overwrite));
  return exportCheckpoint(*model.module, *model.services, options.output,
                          checkpoint);
}

template <CheckpointFormat format>
static constexpr OutputFormat checkpointFormat(std::string_view name,
                                               bool symmetric) {
  return {.name = name,
          .defaultType = "int4",
          .symmetric = symmetric,
          .encodes = false,
          .keepsArchive = false,
          .directory = true,
          .extensions = {},
          .plan = planCheckpoint<format>,
          .write = writeCheckpoint<format>};
}

static constexpr std::string_view moduleExtensions[] = {".mlir", ".mlirbc"};
static constexpr std::string_view ggufExtensions[] = {".gguf"};

static constexpr OutputFormat formats[] = {
    {.name = "mlir",
     .defaultType = "int4",
     .symmetric = false,
     .encodes = false,
     .keepsArchive = true,
     .directory = false,
     .extensions = moduleExtensions,
     .plan = planMlir,
     .write = writeMlir},
    {.name = "gguf",
     .defaultType = "q4_k_m",
     .symmetric = false,
     .encodes = true,
     .keepsArchive = false,
     .directory = false,
     .extensions = ggufExtensions,
     .plan = planGguf,
     .write = writeGguf},
    checkpointFormat<CheckpointFormat::Gptq>("gptq", true),
    checkpointFormat<CheckpointFormat::Awq>("awq", false),
    checkpointFormat<CheckpointFormat::CompressedTensors>("compressed-tensors",
                                                          false),
};

std::span<const OutputFormat> qopt::outputFormats() { return formats; }

Status qopt::checkOutputName(const OutputFormat &format,
                             const std::string &output) {
  for (const OutputFormat &other : formats)
    for (std::string_view extension : other.extensions)
      if (&other != &format && output.ends_with(extension))
        return usageError(output, ": is named as --format ", other.name,
                          " writes it, but the format is ", format.name,
                          "; say --format ", other.name,
                          " or choose another name");
  return {};
}
