//===- Quantize.cpp - qopt quantize --------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Model.h"
#include "Verbs.h"

#include "qopt/Export/ExportGguf.h"
#include "qopt/IO/AtomicFile.h"
#include "qopt/IO/Json.h"
#include "qopt/Transforms/QuantizeRecipe.h"
#include "qopt/Transforms/Requantize.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Pass/PassManager.h"

#include <chrono>
#include <cstdio>
#include <filesystem>

using namespace qopt;
namespace fs = std::filesystem;

namespace {

struct QuantizeArguments {
  std::string model, output;
  size_t method = 1, format = 0;
  QuantizeRecipe recipe;
  std::optional<std::string> type;
  MachineOptions machine;
  bool allowRequantize = false, overwrite = false, json = false;

  bool gguf() const { return format == 1; }
  Result<bool> parse(std::span<char *> words);
};

/// Bytes of the weights of a module and how many numbers they stand for.
struct WeightTotal {
  int64_t bytes = 0, numbers = 0, quantizedBytes = 0, quantizedNumbers = 0;

  explicit WeightTotal(mlir::ModuleOp module) {
    for (auto global : module.getOps<mlir::ml_program::GlobalOp>()) {
      auto type = mlir::dyn_cast<mlir::ShapedType>(global.getType());
      if (!type || !type.hasStaticShape())
        continue;
      int64_t size = 0;
      for (const Component &component : weightComponents(type))
        size += component.bytes();
      bytes += size;
      numbers += type.getNumElements();
      if (weightScheme(type)) {
        quantizedBytes += size;
        quantizedNumbers += type.getNumElements();
      }
    }
  }
};

} // namespace

Result<bool> QuantizeArguments::parse(std::span<char *> words) {
  CalibrationOptions &calibration = recipe.calibration;
  Arguments arguments("quantize", "Quantizes the linears of a model's blocks.");
  arguments.positional(
      "MODEL", "a checkpoint directory, .gguf, .mlir or .mlirbc", model);
  arguments.required("-o,--output", "OUT", "where to write", output);
  arguments.choice("--method", {"rtn", "gptq"},
                   "round to nearest, or compensate errors (default)", method);
  arguments.option("--type", "TYPE",
                   "int2 to int8, q4_0, q8_0 or f16; default: q4_0 for gguf, "
                   "else int4",
                   type);
  arguments.choice("--format", {"mlir", "gguf"},
                   "a module with its archive (default), or a GGUF file",
                   format);
  arguments.option("--group", "N", "columns per scale, -1: a row; default 128",
                   recipe.group);
  arguments.flag("--symmetric", "no zero points", recipe.symmetric, true);
  arguments.flag("--asymmetric", "zero points (default)", recipe.symmetric,
                 false);
  arguments.flag("--head", "also quantize the linears outside of the blocks",
                 recipe.head);
  arguments.option("--calibration", "TEXT",
                   "text for gptq; default: the model writes its own",
                   calibration.text);
  declareSampleOptions(arguments, calibration.samples, calibration.context);
  arguments.option("--stats", "FILE", "saved statistics instead of a text",
                   calibration.stats);
  arguments.option("--order", "ORDER",
                   "of the columns in gptq: none, act (default) or group",
                   recipe.order);
  arguments.option("--damp", "X", "damping of gptq; default 0.01", recipe.damp);
  arguments.flag("--mse", "search the range of each group", recipe.mse);
  arguments.flag("--allow-requantize",
                 "quantize weights that are quantized already, which adds the "
                 "errors of both",
                 allowRequantize);
  machine.declare(arguments);
  arguments.flag("--overwrite", "replace OUT if it exists", overwrite);
  arguments.flag("--json", "print one JSON object at the end", json);
  return arguments.parse(words);
}

/// Where the quantized weights go: beside a module for good, beside a GGUF file
/// under a hidden name until it is written.
static std::string archiveFor(const QuantizeArguments &arguments) {
  fs::path path(arguments.output);
  path.replace_extension(".weights.safetensors");
  if (arguments.gguf())
    path.replace_filename("." + path.filename().string());
  return path.string();
}

static Status refuseToReplace(const QuantizeArguments &arguments,
                              const std::string &archive) {
  QOPT_CHECK(checkOutput(arguments.output, arguments.overwrite));
  // What a killed run left under the hidden name is nobody's.
  QOPT_CHECK(checkOutput(archive, arguments.overwrite || arguments.gguf()));
  return {};
}

/// Nothing that the model consists of may be replaced.
static Status refuseToReplaceInputs(Model &model,
                                    const QuantizeArguments &arguments,
                                    const std::string &archive) {
  std::vector<std::string> inputs = {arguments.model};
  std::error_code none; // not a directory
  for (const fs::directory_entry &entry :
       fs::directory_iterator(arguments.model, none))
    inputs.push_back(entry.path());
  for (mlir::NamedAttribute attribute : (*model.module)->getAttrs())
    attribute.getValue().walk([&](FileAttr file) {
      inputs.push_back(model.services->files().resolve(file.getPath()));
    });
  QOPT_CHECK(checkOutputIsNoInput(arguments.output, inputs));
  return checkOutputIsNoInput(archive, inputs);
}

static Status writeOutput(Model &model, const QuantizeArguments &arguments,
                          const std::string &archive) {
  if (!arguments.gguf()) {
    std::string directory = fs::path(arguments.output).parent_path();
    rebaseFiles(*model.module, model.services->options().baseDirectory,
                directory.empty() ? "." : directory);
    return writeModule(*model.module, arguments.output, arguments.overwrite);
  }
  ExportGgufOptions options;
  options.overwrite = arguments.overwrite;
  Status status =
      exportGguf(*model.module, *model.services, arguments.output, options);
  std::error_code ignored; // the archive may not have been needed
  fs::remove(archive, ignored);
  return status;
}

static void report(const QuantizeArguments &arguments,
                   const std::string &archive, const WeightTotal &before,
                   const WeightTotal &after, double seconds) {
  double bitsPerWeight =
      after.quantizedNumbers == 0
          ? 0
          : 8.0 * after.quantizedBytes / after.quantizedNumbers;
  if (arguments.json) {
    JsonWriter json;
    json.beginObject()
        .member("output", arguments.output)
        .member("bytes", after.bytes)
        .member("bytes_before", before.bytes)
        .member("bpw", bitsPerWeight)
        .member("bpw_all", 8.0 * after.bytes / after.numbers)
        .member("seconds", seconds)
        .endObject();
    std::printf("%s\n", json.text().c_str());
    return;
  }
  std::printf("%-12s %s\n", "output", arguments.output.c_str());
  if (!arguments.gguf() && after.quantizedNumbers > 0)
    std::printf("%-12s %s\n", "weights", archive.c_str());
  std::printf("%-12s %.2f MB -> %.2f MB\n", "size", before.bytes * 1e-6,
              after.bytes * 1e-6);
  std::printf("%-12s %.3f in quantized weights, %.3f overall\n", "bits/weight",
              bitsPerWeight, 8.0 * after.bytes / after.numbers);
  std::printf("%-12s %.1f s\n", "time", seconds);
}

Status qopt::runQuantize(std::span<char *> words) {
  QuantizeArguments arguments;
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  if (!proceed)
    return {};
  std::string archive = archiveFor(arguments);
  QOPT_CHECK(refuseToReplace(arguments, archive));
  auto start = std::chrono::steady_clock::now();

  StderrProgress progress;
  catchInterrupts();
  QOPT_ASSIGN(Model model,
              openModel(arguments.model, arguments.machine, progress));
  QOPT_CHECK(refuseToReplaceInputs(model, arguments, archive));
  QuantizeRecipe &recipe = arguments.recipe;
  recipe.method =
      arguments.method == 0 ? QuantizeMethod::Rtn : QuantizeMethod::Gptq;
  recipe.type = arguments.type.value_or(arguments.gguf() ? "q4_0" : "int4");
  recipe.ggufBlocks = arguments.gguf();
  recipe.archive =
      relativePath(archive, model.services->options().baseDirectory);

  WeightTotal before(*model.module);
  if (recipe.type != "f16")
    QOPT_CHECK(prepareRequantization(*model.module, recipe.head,
                                     arguments.allowRequantize));
  mlir::PassManager manager(model.context.get());
  QOPT_CHECK(buildQuantizePipeline(manager, recipe));
  Status status = runPasses(model, manager);
  WeightTotal after(*model.module);
  if (status)
    status = writeOutput(model, arguments, archive);
  if (!status && arguments.gguf()) {
    std::error_code ignored;
    fs::remove(archive, ignored);
  }
  QOPT_CHECK(std::move(status));
  std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - start;
  report(arguments, archive, before, after, elapsed.count());
  return {};
}
