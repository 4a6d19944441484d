//===- ExportGguf.cpp - a module as a GGUF file ---------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Export/ExportGguf.h"
#include "GgufStream.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Dialect/QOpt/QOptDialect.h"
#include "qopt/Formats/Mix.h"
#include "qopt/IO/Tokenizer.h"
#include "qopt/Import/About.h"

#include <cmath>
#include <filesystem>
#include <iomanip>
#include <map>

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;

/// The model file must not replace what it is made from.
static Status checkInputs(ModuleOp module, SourceFiles &files,
                          const std::string &path) {
  std::vector<std::string> inputs;
  auto add = [&](Attribute attribute) {
    if (auto file = dyn_cast_or_null<FileAttr>(attribute))
      inputs.push_back(files.resolve(file.getPath()));
  };
  add(module->getAttr(llm::LLMDialect::kTokenizer));
  if (auto sources =
          module->getAttrOfType<DictionaryAttr>(QOptDialect::kSources))
    for (NamedAttribute source : sources)
      add(source.getValue());
  return checkOutputIsNoInput(path, inputs);
}

static Status writeTokenizer(ModuleOp module, SourceFiles &files,
                             const GgufModel &model, GgufMetadata &metadata) {
  auto file = module->getAttrOfType<FileAttr>(llm::LLMDialect::kTokenizer);
  if (!file)
    return badInput("the module names no llm.tokenizer, which a GGUF file "
                    "contains");
  QOPT_ASSIGN(Tokenizer tokenizer,
              Tokenizer::load(files.resolve(file.getPath())));
  return writeTokenizerKeys(tokenizer.data(), model.config.vocabularySize,
                            metadata);
}

/// The type that holds most weights, where any quantized type comes before
/// floats; null without matrices.
static const FormatRow *mainType(const std::vector<GgufWeight> &weights) {
  std::map<GgufType, int64_t> counts;
  for (const GgufWeight &weight : weights)
    if (weight.declaration.dims.size() >= 2)
      counts[weight.declaration.type] += weight.count();
  const FormatRow *most = nullptr;
  for (auto [type, count] : counts) {
    const FormatRow *format = findFormat(type);
    if (!most || format->quantized > most->quantized ||
        (format->quantized == most->quantized && count > counts[most->type]))
      most = format;
  }
  return most;
}

/// `7.2B` of 7.24 billion, at least two digits.
static std::string sizeLabel(double count) {
  constexpr std::pair<double, const char *> units[] = {
      {1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "K"}};
  auto [unit, name] = *llvm::find_if(units, [&](auto each) {
    return count > each.first || each.first == 1e3;
  });
  double scaled = count / unit;
  return str(std::fixed, std::setprecision(std::round(scaled) < 10 ? 1 : 0),
             scaled, name);
}

/// Who made the model and from what, and how large it is; of a mixture of
/// experts, how many there are and the size with one.
static Status writeOrigin(ModuleOp module,
                          const std::vector<GgufWeight> &weights,
                          GgufMetadata &metadata) {
  int64_t count = 0, experts = 1;
  for (const GgufWeight &weight : weights) {
    int64_t each = weight.globals.size();
    experts = std::max(experts, each);
    count += weight.count() / each;
  }
  metadata.setString("general.size_label",
                     (experts > 1 ? str(experts, "x") : "") + sizeLabel(count));
  auto about = module->getAttrOfType<DictionaryAttr>(kAbout);
  return about ? writeAbout(about, metadata) : Status();
}

/// How the file is called as a whole: its mix, or its main type.
static void writeFileType(ModuleOp module,
                          const std::vector<GgufWeight> &weights,
                          GgufMetadata &metadata) {
  const FormatRow *most = mainType(weights);
  if (!most)
    return;
  std::optional<uint32_t> fileType = fileTypeOf(most->type);
  if (auto name = module->getAttrOfType<StringAttr>(QOptDialect::kMix))
    fileType = findMix(name.getValue())->fileType;
  if (fileType)
    metadata.setU32("general.file_type", *fileType);
  if (most->quantized) {
    metadata.setU32("general.quantization_version", 2);
    metadata.setString("general.quantized_by", "qopt");
  }
}

/// What weighted the errors, as llama-quantize tells it.
static void writeImportance(const ImportanceMatrix &importance,
                            GgufMetadata &metadata) {
  auto name = [](const std::string &path) {
    return std::filesystem::path(path).filename().string();
  };
  metadata.setString("quantize.imatrix.file", name(importance.path()));
  if (!importance.datasets.empty())
    metadata.setString("quantize.imatrix.dataset",
                       name(importance.datasets.back()));
  metadata.setU32("quantize.imatrix.entries_count",
                  uint32_t(importance.entries().size()));
  metadata.setU32("quantize.imatrix.chunks_count", importance.chunks);
}

/// Everything that the file holds.
static std::vector<GgufDeclaration>
declare(const std::vector<GgufWeight> &weights,
        const std::vector<GgufNumbers> &ropeNumbers) {
  std::vector<GgufDeclaration> declarations;
  declarations.reserve(weights.size() + ropeNumbers.size());
  for (const GgufWeight &weight : weights)
    declarations.push_back(weight.declaration);
  for (const GgufNumbers &numbers : ropeNumbers)
    declarations.push_back(
        {numbers.name, GgufType::F32, {int64_t(numbers.values.size())}});
  return declarations;
}

Result<std::vector<WeightRow>>
qopt::ggufTable(ModuleOp module, const ExportGgufOptions &options) {
  QOPT_ASSIGN(GgufModel model, GgufModel::read(module));
  QOPT_ASSIGN(std::vector<GgufWeight> weights,
              planTensors(module, model, options.floatType));
  std::vector<WeightRow> rows;
  for (const GgufDeclaration &tensor : declare(weights, model.ropeNumbers())) {
    const FormatRow &format = *findFormat(tensor.type);
    WeightRow row{tensor.name,
                  {tensor.dims.rbegin(), tensor.dims.rend()},
                  std::string(format.name),
                  format.quantized,
                  0};
    row.bytes =
        row.numbers() / tensor.dims[0] * format.rowBytes(tensor.dims[0]);
    rows.push_back(std::move(row));
  }
  return rows;
}

Status qopt::exportGguf(ModuleOp module, QuantizationContext &services,
                        const std::string &path,
                        const ExportGgufOptions &options) {
  for (int64_t part = 0; part < options.parts; ++part)
    QOPT_CHECK(checkInputs(
        module, services.files(),
        options.parts > 1 ? ggufPartName(path, part, options.parts) : path));
  QOPT_ASSIGN(GgufModel model, GgufModel::read(module));
  QOPT_ASSIGN(std::vector<GgufWeight> weights,
              planTensors(module, model, options.floatType));
  GgufMetadata metadata;
  model.writeKeys(metadata);
  QOPT_CHECK(writeOrigin(module, weights, metadata));
  writeFileType(module, weights, metadata);
  if (options.importance)
    writeImportance(*options.importance, metadata);
  QOPT_CHECK(writeTokenizer(module, services.files(), model, metadata));

  std::vector<GgufNumbers> ropeNumbers = model.ropeNumbers();
  QOPT_ASSIGN(GgufOutput output,
              GgufOutput::create(path, metadata, declare(weights, ropeNumbers),
                                 options.parts, options.overwrite));
  QOPT_ASSIGN(GgufStreamTimes times,
              writeWeights(weights, options.importance, services, output));
  for (auto [index, numbers] : llvm::enumerate(ropeNumbers))
    QOPT_CHECK(
        output.write(weights.size() + index, 0,
                     {reinterpret_cast<const uint8_t *>(numbers.values.data()),
                      numbers.values.size() * sizeof(float)}));
  QOPT_CHECK(output.finish());
  if (times.encoding >= 1)
    services.progress().note(times.text());
  return {};
}
