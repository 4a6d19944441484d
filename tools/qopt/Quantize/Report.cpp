//===- Report.cpp - what became of a model, weight by weight --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Quantize/Report.h"

#include "qopt/Dialect/QOpt/ChosenAlpha.h"
#include "qopt/Dialect/QOpt/QOptDialect.h"
#include "qopt/Dialect/QOpt/QOptTypes.h"
#include "qopt/IO/AtomicFile.h"
#include "qopt/IO/Json.h"
#include "qopt/IO/MappedFile.h"
#include "qopt/Interp/LanguageModel.h"
#include "qopt/Numerics/RelativeError.h"
#include "qopt/Weights/WeightSource.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/Builders.h"

#include <charconv>
#include <filesystem>

using namespace qopt;
namespace fs = std::filesystem;

/// Windows that quality is measured on: each costs about n²/2 runs of a block.
static constexpr int64_t kWindows = 4;
/// Decoded weights that are kept of each model. Blocks are run one after
/// another, so that more than one is a matter of speed.
static constexpr int64_t kDecodedBytes = int64_t(2) << 30;

double QuantizationReport::Weight::bits() const {
  double numbers = 1;
  for (int64_t extent : shape)
    numbers *= double(extent);
  return 8.0 * double(bytes) / numbers;
}

std::pair<int64_t, std::string> QuantizationReport::Weight::place() const {
  int64_t block = 0;
  const char *end = symbol.data() + symbol.size();
  if (symbol.starts_with("l")) {
    auto [dot, error] = std::from_chars(symbol.data() + 1, end, block);
    if (error == std::errc() && dot != end && *dot == '.')
      return {block, std::string(dot + 1, end)};
  }
  return {-1, symbol};
}

std::optional<double>
QuantizationReport::Weight::find(const char *quantity) const {
  auto found = measured.find(quantity);
  if (found == measured.end())
    return std::nullopt;
  return found->second;
}

//===----------------------------------------------------------------------===//
// Collecting
//===----------------------------------------------------------------------===//

static std::string attributeText(mlir::Attribute value) {
  if (auto text = mlir::dyn_cast<mlir::StringAttr>(value))
    return text.getValue().str();
  if (auto flag = mlir::dyn_cast<mlir::BoolAttr>(value))
    return flag.getValue() ? "yes" : "no";
  if (auto number = mlir::dyn_cast<mlir::FloatAttr>(value))
    return str(number.getValueAsDouble());
  if (auto integer = mlir::dyn_cast<mlir::IntegerAttr>(value))
    return std::to_string(integer.getInt());
  return "";
}

/// ‖W − Ŵ‖ / ‖W‖, row by row. Nothing if the weight has been scaled on the way,
/// so that the two are not comparable, or if there is no such weight.
static Result<std::optional<double>>
weightError(Model &original, Model &quantized, const std::string &symbol) {
  auto find = [&](Model &model) {
    return mlir::ModuleOp(*model.module)
        .lookupSymbol<mlir::ml_program::GlobalOp>(symbol);
  };
  if (!find(original) || !find(quantized))
    return std::optional<double>();
  QOPT_ASSIGN(WeightSource before,
              WeightSource::open(find(original), original.services->files()));
  QOPT_ASSIGN(WeightSource after,
              WeightSource::open(find(quantized), quantized.services->files()));
  if (before.rows() != after.rows() || before.columns() != after.columns())
    return std::optional<double>();
  std::vector<float> a(before.columns()), b(before.columns());
  RelativeError error;
  for (int64_t row = 0; row < before.rows(); ++row) {
    QOPT_CHECK(before.readRows(row, {a.data(), 1, before.columns()}));
    QOPT_CHECK(after.readRows(row, {b.data(), 1, after.columns()}));
    error.add(a, b);
  }
  return std::optional(error.value());
}

/// The α of AWQ, if it has scaled the weight or tried to.
static std::optional<double> chosenAlpha(mlir::ModuleOp module,
                                         const std::string &symbol) {
  auto global = module.lookupSymbol<mlir::ml_program::GlobalOp>(symbol);
  auto alpha = global ? global->getAttrOfType<mlir::FloatAttr>(kAlpha)
                      : mlir::FloatAttr();
  if (!alpha)
    return std::nullopt;
  return alpha.getValueAsDouble();
}

Result<QuantizationReport> qopt::makeReport(Model &quantized, Model &original,
                                            mlir::ModuleOp scaled,
                                            const QuantizeOptions &options) {
  QuantizationReport report;
  report.model = options.model;
  report.output = options.output;
  mlir::ModuleOp module = *quantized.module;
  if (auto recipe =
          module->getAttrOfType<mlir::DictionaryAttr>(QOptDialect::kRecipe))
    for (mlir::NamedAttribute entry : recipe)
      report.recipe.emplace_back(entry.getName().str(),
                                 attributeText(entry.getValue()));
  bool scales = options.recipe.method != QuantizeMethod::Rtn &&
                options.recipe.method != QuantizeMethod::Gptq;
  for (const WeightRow &row : weightTable(module)) {
    if (!row.quantized)
      continue;
    std::string symbol = row.name.substr(1);
    report.weights.push_back({symbol, row.type, row.shape, row.bytes, {}});
    if (std::optional<double> alpha = chosenAlpha(scaled, symbol))
      report.weights.back().measured["alpha"] = *alpha;
    if (scales)
      continue;
    QOPT_ASSIGN(std::optional<double> error,
                weightError(original, quantized, symbol));
    if (error)
      report.weights.back().measured["weight_error"] = *error;
  }
  return report;
}

/// The last windows of a text, which calibration reaches last; `before` are the
/// tokens in front of them.
static Result<std::vector<std::vector<int32_t>>>
lastWindows(Model &model, const std::string &path, int64_t context,
            int64_t &before) {
  QOPT_ASSIGN(std::string text, readTextFile(path));
  QOPT_ASSIGN(Tokenizer tokenizer, model.tokenizer());
  std::vector<TokenId> tokens = tokenizer.encode(text, {.prependBos = true});
  std::vector<std::vector<int32_t>> windows = cutWindows(tokens, context, 0);
  if (int64_t(windows.size()) > kWindows)
    windows.erase(windows.begin(), windows.end() - kWindows);
  before = int64_t(tokens.size()) - int64_t(windows.size()) * context;
  return windows;
}

static void recordQuality(mlir::ModuleOp module,
                          const QuantizationReport &report) {
  const BlockDivergences &found = *report.divergences;
  mlir::Builder builder(module.getContext());
  mlir::NamedAttrList entries;
  auto number = [&](llvm::StringRef key, double value) {
    entries.set(key, builder.getF64FloatAttr(value));
  };
  entries.set("measured on", builder.getStringAttr(report.evaluated));
  number("perplexity", found.perplexity);
  number("perplexity of the original", found.referencePerplexity);
  number("mean KL", found.whole.mean);
  number("99th percentile of KL", found.whole.p99);
  number("top-1 agreement", found.whole.top1);
  module->setAttr(QOptDialect::kQuality,
                  entries.getDictionary(module.getContext()));
}

Status qopt::measureQuality(Model &quantized, Model &original,
                            const QuantizeOptions &options,
                            QuantizationReport &report) {
  Progress &progress = quantized.services->progress();
  const std::string &text = options.evaluate.empty()
                                ? options.recipe.calibration.text
                                : options.evaluate;
  if (text.empty()) {
    progress.note("no text was given (--evaluate), so the report has no KL");
    return {};
  }
  Interpreter model(*quantized.module, quantized.services,
                    {.maxMemory = kDecodedBytes});
  Interpreter reference(*original.module, original.services,
                        {.maxMemory = kDecodedBytes});
  QOPT_ASSIGN(LanguageModel language, LanguageModel::create(reference));
  int64_t longest = language.contextLength();
  int64_t context = longest > 0 ? std::min<int64_t>(256, longest) : 256;
  int64_t before = 0;
  QOPT_ASSIGN(auto windows, lastWindows(quantized, text, context, before));
  if (windows.empty()) {
    progress.note(str(text, ": is shorter than ", context,
                      " tokens, so the report has no KL"));
    return {};
  }
  report.evaluated = str("the last ", windows.size(), " windows of ", context,
                         " tokens of ", fs::path(text).filename().string());
  const CalibrationOptions &calibration = options.recipe.calibration;
  int64_t sample = calibration.context > 0
                       ? calibration.context
                       : std::min<int64_t>(2048, longest > 0 ? longest : 2048);
  if (options.evaluate.empty() && calibration.samples * sample > before)
    report.evaluated += ", which calibration has also seen";
  QOPT_ASSIGN(report.divergences,
              blockDivergences(model, reference, std::move(windows), progress));
  for (QuantizationReport::Weight &weight : report.weights) {
    auto found = report.divergences->outputErrors.find(weight.symbol);
    if (found != report.divergences->outputErrors.end())
      weight.measured["output_error"] = found->second;
  }
  recordQuality(*quantized.module, report);
  return {};
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

std::string qopt::reportJson(const QuantizationReport &report,
                             const QuantizeSummary &summary) {
  JsonWriter json(1);
  json.beginObject()
      .member("model", report.model)
      .member("output", report.output)
      .member("bytes", summary.after.bytes)
      .member("bytes_before", summary.before.bytes)
      .member("bpw", summary.after.quantizedBits())
      .member("bpw_all", summary.after.bits())
      .member("seconds", summary.seconds)
      .member("resumed_blocks", summary.resumedBlocks);
  json.key("recipe").beginObject();
  for (const auto &[key, value] : report.recipe)
    json.member(key, value);
  json.endObject();
  if (const auto &found = report.divergences) {
    json.key("quality").beginObject();
    json.member("measured_on", report.evaluated)
        .member("tokens", found->tokens)
        .member("perplexity", found->perplexity)
        .member("perplexity_before", found->referencePerplexity)
        .member("kl_mean", found->whole.mean)
        .member("kl_p99", found->whole.p99)
        .member("top1", found->whole.top1)
        .key("kl_after_block")
        .beginArray();
    for (double value : found->afterBlock)
      json.value(value);
    json.endArray().endObject();
  }
  json.key("weights").beginArray();
  for (const QuantizationReport::Weight &weight : report.weights) {
    json.beginObject()
        .member("name", weight.symbol)
        .member("type", weight.type)
        .key("shape")
        .beginArray();
    for (int64_t extent : weight.shape)
      json.value(extent);
    json.endArray().member("bytes", weight.bytes).member("bits", weight.bits());
    for (const auto &[quantity, value] : weight.measured)
      json.member(quantity, value);
    json.endObject();
  }
  json.endArray().endObject();
  return json.text() + "\n";
}

std::vector<std::string> qopt::reportFiles(const std::string &path) {
  if (path.empty())
    return {};
  if (path.ends_with(".json"))
    return {path};
  return {path, fs::path(path).replace_extension(".json").string()};
}

Status qopt::writeReport(const QuantizationReport &report,
                         const QuantizeSummary &summary,
                         const std::string &path, bool overwrite) {
  const std::vector<std::string> files = reportFiles(path);
  QOPT_CHECK(
      writeTextFile(files.back(), reportJson(report, summary), overwrite));
  if (files.size() > 1)
    QOPT_CHECK(writeTextFile(path, reportPage(report, summary), overwrite));
  return {};
}
