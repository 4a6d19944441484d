//===- Options.cpp - the flags of qopt quantize ---------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Quantize/Options.h"

#include <filesystem>

using namespace qopt;

/// Spellings of --method.
static constexpr std::pair<std::string_view, QuantizeMethod> methods[] = {
    {"rtn", QuantizeMethod::Rtn},
    {"gptq", QuantizeMethod::Gptq},
};

void QuantizeOptions::declareWhat(Arguments &arguments) {
  arguments.positional(
      "MODEL", "a checkpoint directory, .gguf, .mlir or .mlirbc", model);
  arguments.required("-o,--output", "OUT", "where to write", output);
  std::vector<std::string_view> names;
  for (auto [name, method] : methods)
    names.push_back(name);
  arguments.choice("--method", names,
                   "round to nearest, or compensate errors (default)",
                   methodIndex);
  names.clear();
  for (const OutputFormat &format : outputFormats())
    names.push_back(format.name);
  arguments.choice("--format", names,
                   "a module with its archive (default), or a GGUF file",
                   formatIndex);
}

void QuantizeOptions::declareTypes(Arguments &arguments) {
  arguments.option("--type", "TYPE",
                   "int2 to int8, q4_0, q8_0 or f16; default: q4_0 for gguf, "
                   "else int4",
                   type);
  arguments.option("--group", "N", "columns per scale, -1: a row; default 128",
                   recipe.group);
  arguments.flag("--symmetric", "no zero points", recipe.symmetric, true);
  arguments.flag("--asymmetric", "zero points (default)", recipe.symmetric,
                 false);
  arguments.flag("--head", "also quantize the linears outside of the blocks",
                 recipe.head);
  arguments.flag("--allow-requantize",
                 "quantize weights that are quantized already, which adds the "
                 "errors of both",
                 allowRequantize);
}

void QuantizeOptions::declareCalibration(Arguments &arguments) {
  CalibrationOptions &calibration = recipe.calibration;
  arguments.option("--calibration", "TEXT",
                   "text for gptq; default: the model writes its own",
                   calibration.text);
  declareSampleOptions(arguments, calibration.samples, calibration.context);
  arguments.option("--stats", "FILE", "saved statistics instead of a text",
                   calibration.stats);
}

void QuantizeOptions::declareGptq(Arguments &arguments) {
  arguments.option("--order", "ORDER",
                   "of the columns in gptq: none, act (default) or group",
                   recipe.order);
  arguments.option("--damp", "X", "damping of gptq; default 0.01", recipe.damp);
  arguments.flag("--mse", "search the range of each group", recipe.mse);
}

void QuantizeOptions::declareOutput(Arguments &arguments) {
  machine.declare(arguments);
  arguments.flag("--overwrite", "replace OUT if it exists", overwrite);
  arguments.flag("--json", "print one JSON object at the end", json);
}

Result<bool> QuantizeOptions::parse(std::span<char *> words) {
  Arguments arguments("quantize", "Quantizes the linears of a model's blocks.");
  declareWhat(arguments);
  declareTypes(arguments);
  declareCalibration(arguments);
  declareGptq(arguments);
  declareOutput(arguments);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  recipe.method = methods[methodIndex].second;
  return proceed;
}

std::string QuantizeOptions::archive() const {
  std::filesystem::path path(output);
  path.replace_extension(".weights.safetensors");
  if (!format().keepsArchive)
    path.replace_filename("." + path.filename().string());
  return path.string();
}
