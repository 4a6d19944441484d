//===- Options.cpp - the flags of qopt quantize ---------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Quantize/Options.h"

#include "qopt/IO/Gguf.h"

#include <algorithm>
#include <filesystem>

using namespace qopt;

static constexpr QuantizeMethod methods[] = {
    QuantizeMethod::Rtn, QuantizeMethod::Gptq, QuantizeMethod::Awq,
    QuantizeMethod::AwqGptq};

void QuantizeOptions::declareModel(Arguments &arguments) {
  arguments.positional(
      "MODEL", "a checkpoint directory, .gguf, .mlir or .mlirbc", model);
}

void QuantizeOptions::declareMethod(Arguments &arguments) {
  arguments.required("-o,--output", "OUT", "where to write", output);
  std::vector<std::string_view> names;
  for (QuantizeMethod method : methods)
    names.push_back(quantizeMethodName(method));
  arguments.choice("--method", names,
                   "round to nearest, compensate errors (default), scale what "
                   "large inputs meet, or scale and compensate",
                   methodIndex);
}

void QuantizeOptions::declareFormat(Arguments &arguments) {
  std::vector<std::string_view> names;
  for (const OutputFormat &format : outputFormats())
    names.push_back(format.name);
  arguments.choice("--format", names,
                   "a module with its archive, a GGUF file (default for "
                   "OUT.gguf), or a checkpoint directory",
                   formatIndex);
}

void QuantizeOptions::declareTypes(Arguments &arguments) {
  TypeRequest &types = recipe.types;
  arguments.option("--type", "TYPE",
                   "int2 to int8, or a mix of GGUF types, as q4_k_m, q6_k, "
                   "iq4_xs, f16; default: q4_k_m for gguf, else int4",
                   type);
  arguments.option("--group", "N",
                   "int types: columns per scale, -1: a row; default 128",
                   types.group);
  arguments.flag("--symmetric",
                 "int types: no zero points; default for --format gptq",
                 types.symmetric, true);
  arguments.flag("--asymmetric",
                 "int types: zero points; default for other formats",
                 types.symmetric, false);
  arguments.flag("--head",
                 "int types: also quantize the linears outside of the blocks",
                 types.head);
  arguments.flag("--pure", "no mix: one GGUF type for every matrix",
                 types.pure);
  arguments.option("--tensor-type", "REGEX=TYPE",
                   "another type for tensors whose name matches, as "
                   "ffn_down=q6_k; the first match counts; may be repeated",
                   types.tensorTypes);
  arguments.option("--output-tensor-type", "TYPE", "of output.weight",
                   types.outputType);
  arguments.option("--token-embedding-type", "TYPE", "of token_embd.weight",
                   types.embeddingType);
  arguments.flag("--allow-requantize",
                 "quantize weights that are quantized already, which adds the "
                 "errors of both",
                 allowRequantize);
}

void QuantizeOptions::declareCalibration(Arguments &arguments) {
  CalibrationOptions &calibration = recipe.calibration;
  arguments.option("--calibration", "TEXT",
                   "text for gptq and awq; default: the model writes its own",
                   calibration.text);
  declareSampleOptions(arguments, calibration.samples, calibration.context,
                       machine);
  arguments.option("--imatrix", "FILE",
                   "importance matrix of qopt calibrate or llama-imatrix that "
                   "weights the errors of GGUF types",
                   recipe.imatrix);
  arguments.option("--stats", "FILE", "saved statistics instead of a text",
                   calibration.stats);
}

void QuantizeOptions::declareGptq(Arguments &arguments) {
  arguments.option("--order", "ORDER",
                   "int types: of the columns in gptq: none, act (default) or "
                   "group",
                   recipe.order);
  arguments.option("--damp", "X", "damping of gptq; default 0.01", recipe.damp);
  arguments.flag("--mse", "int types: search the range of each group",
                 recipe.mse);
  arguments.option("--rounds", "N",
                   "rounds of descent on the error that gptq leaves; default 4",
                   recipe.rounds);
  arguments.option("--gptaq", "SHARE",
                   "0 to 1: how much of the error of the inputs gptq makes up "
                   "for; default 0.5; 0 saves running the float model",
                   recipe.gptaq);
}

void QuantizeOptions::declareOutput(Arguments &arguments) {
  files.declareSplit(arguments);
  files.declare(arguments);
  machine.declare(arguments);
  arguments.flag("--overwrite", "replace OUT if it exists", overwrite);
  arguments.option("--report", "OUT.html",
                   "a page about errors of weights and blocks, with the same "
                   "as OUT.json beside it; or OUT.json alone",
                   report);
  arguments.option("--evaluate", "TEXT",
                   "what the report and the model card measure quality on; "
                   "default: with --report, the end of the calibration text",
                   evaluate);
  arguments.flag("--resume",
                 "go on with the blocks that a stopped run of this command has "
                 "finished, if there are any",
                 resume);
  arguments.flag("--json", "print one JSON object at the end", json);
}

Result<bool> QuantizeOptions::parse(std::span<char *> words) {
  Arguments arguments("quantize", "Quantizes the linears of a model's blocks.");
  declareModel(arguments);
  declareMethod(arguments);
  declareFormat(arguments);
  declareTypes(arguments);
  declareCalibration(arguments);
  declareGptq(arguments);
  declareOutput(arguments);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  useDefaults();
  if (files.keepSplit && (format().keepsArchive || format().directory))
    return usageError("--keep-split goes with --format gguf");
  const CalibrationOptions &calibration = recipe.calibration;
  if (recipe.method == QuantizeMethod::Rtn && report.empty() &&
      !(calibration.text.empty() && calibration.stats.empty()))
    return usageError("--method rtn looks at no inputs; --calibration and "
                      "--stats go with gptq, awq and awq+gptq");
  while (format().directory && output.size() > 1 && output.ends_with('/'))
    output.pop_back();
  return proceed;
}

static size_t formatNamed(std::string_view name) {
  return std::ranges::find(outputFormats(), name, &OutputFormat::name) -
         outputFormats().begin();
}

/// Types are written in lower case, and by users of llama-quantize in upper
/// case.
static void lowerCase(std::string &text, size_t first = 0) {
  for (char &letter : std::span(text).subspan(first))
    if (letter >= 'A' && letter <= 'Z')
      letter += 'a' - 'A';
}

void QuantizeOptions::useDefaults() {
  if (formatIndex == formatOfOutput)
    formatIndex = formatNamed(output.ends_with(".gguf") ? "gguf" : "mlir");
  recipe.method = methods[methodIndex];
  TypeRequest &types = recipe.types;
  types.type = type.value_or(std::string(format().defaultType));
  for (std::string *name :
       {&types.type, &types.outputType, &types.embeddingType})
    lowerCase(*name);
  for (std::string &rule : types.tensorTypes)
    lowerCase(rule, std::min(rule.rfind('='), rule.size()));
  recipe.encodesOnExport = format().encodes;
  if (format().symmetric && recipe.types.type.starts_with("int") &&
      !recipe.types.symmetric)
    recipe.types.symmetric = true;
}

Result<bool>
QuantizeOptions::parsePlan(std::span<char *> words,
                           const std::function<void(Arguments &)> &more) {
  Arguments arguments("plan", "Says what qopt quantize would write: types, "
                              "sizes and memory.");
  formatIndex = formatNamed("gguf");
  declareModel(arguments);
  declareFormat(arguments);
  declareTypes(arguments);
  files.declare(arguments);
  arguments.flag("--imatrix", "there is going to be an importance matrix",
                 recipe.types.importance);
  more(arguments);
  machine.declare(arguments);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  useDefaults();
  return proceed;
}

std::vector<std::string> QuantizeOptions::outputs(int64_t sources) const {
  if (!files.keepSplit || sources <= 1)
    return {output};
  std::vector<std::string> names;
  names.reserve(sources);
  for (int64_t part = 0; part < sources; ++part)
    names.push_back(ggufPartName(output, part, sources));
  return names;
}

std::string QuantizeOptions::runStatePath() const {
  std::filesystem::path path(output);
  path.replace_filename("." + path.filename().string() + ".run");
  return path.string();
}

std::string QuantizeOptions::archive() const {
  std::filesystem::path path(output);
  path.replace_extension(".weights.safetensors");
  if (!format().keepsArchive)
    path.replace_filename("." + path.filename().string());
  return path.string();
}
