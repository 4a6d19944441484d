//===- ExportGguf.cpp - a module as a GGUF file
//------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Export/ExportGguf.h"
#include "GgufOutput.h"
#include "GgufTensors.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Dialect/QOpt/QOptDialect.h"
#include "qopt/Formats/Mix.h"
#include "qopt/IO/Tokenizer.h"
#include "qopt/Support/Stopwatch.h"

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

static int64_t weightCount(const GgufWeight &weight) {
  int64_t count = 1;
  for (int64_t extent : weight.declaration.dims)
    count *= extent;
  return count;
}

/// The type that holds most weights, where any quantized type comes before
/// floats; null without matrices.
static const FormatRow *mainType(const std::vector<GgufWeight> &weights) {
  std::map<GgufType, int64_t> counts;
  for (const GgufWeight &weight : weights)
    if (weight.declaration.dims.size() >= 2)
      counts[weight.declaration.type] += weightCount(weight);
  const FormatRow *most = nullptr;
  for (auto [type, count] : counts) {
    const FormatRow *format = findFormat(type);
    if (!most || format->quantized > most->quantized ||
        (format->quantized == most->quantized && count > counts[most->type]))
      most = format;
  }
  return most;
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

namespace {
/// Where the time of an export goes.
struct ExportTimes {
  Stopwatch encoding, writing, flushing;
  int64_t bytesOut = 0, weights = 0;

  /// `x s encoding (y GB/s of f32), …`
  std::string text() const {
    auto phase = [](const char *name, const Stopwatch &watch, int64_t bytes,
                    const char *of) {
      return str(std::fixed, std::setprecision(1), watch.seconds(), " s ", name,
                 " (", std::setprecision(2),
                 bytes * 1e-9 / std::max(watch.seconds(), 1e-9), " GB/s", of,
                 ")");
    };
    return phase("encoding", encoding, weights * sizeof(float), " of f32") +
           ", " + phase("writing", writing, bytesOut, "") + ", " +
           phase("flushing", flushing, bytesOut, "");
  }
};
} // namespace

/// Starts to read what will be needed next, while something is encoded.
static void prefetch(ml_program::GlobalOp global, SourceFiles &files) {
  if (auto source = WeightSource::open(global, files))
    source->prefetch();
}

/// Says what became of codes that were found for another file or grid.
static void noteGroupedCodes(const std::vector<GgufWeight> &weights,
                             float largestError, Progress &progress) {
  std::map<GgufType, int64_t> counts;
  for (const GgufWeight &weight : weights)
    for (ml_program::GlobalOp global : weight.globals)
      if (isa_and_nonnull<GroupedAttr>(weightScheme(global.getType())))
        ++counts[weight.declaration.type];
  for (auto [type, count] : counts)
    progress.note(str(count, " weights keep their codes, as ",
                      findFormat(type)->ggmlName,
                      type == GgufType::Q4_1 ? "" : ", and their scales"));
  if (largestError > 0)
    progress.note(str("minima of Q4_1 blocks are rounded to f16, by at most ",
                      largestError));
}

static Status writeTensors(const std::vector<GgufWeight> &weights,
                           const ImportanceMatrix *importance,
                           QuantizationContext &services, GgufOutput &output,
                           ExportTimes &times) {
  constexpr int64_t megabyte = 1000000;
  std::vector<ml_program::GlobalOp> order;
  for (const GgufWeight &weight : weights) {
    times.weights += weightCount(weight);
    order.insert(order.end(), weight.globals.begin(), weight.globals.end());
  }
  float largestError = 0;
  int64_t done = 0; // weights
  size_t next = 0;  // in `order`
  services.progress().begin("writing millions of weights",
                            (times.weights + megabyte - 1) / megabyte);
  for (auto [index, weight] : llvm::enumerate(weights)) {
    uint64_t offset = 0;
    for (size_t part = 0; part < weight.globals.size(); ++part) {
      if (interrupted())
        return makeError(ErrorKind::Interrupted,
                         "stopped; nothing was written");
      if (next == 0)
        prefetch(order[0], services.files());
      if (++next < order.size())
        prefetch(order[next], services.files());
      QOPT_ASSIGN(GgufBytes tensor, times.encoding.measure([&] {
        return tensorBytes(weight, part, importance, services.files(),
                           services.compute().pool);
      }));
      QOPT_CHECK(times.writing.measure(
          [&] { return output.write(index, offset, tensor.bytes); }));
      largestError = std::max(largestError, tensor.largestError);
      offset += tensor.bytes.size();
      int64_t before = done / megabyte;
      done += weightCount(weight) / int64_t(weight.globals.size());
      services.progress().advance(done / megabyte - before);
    }
    times.bytesOut += offset;
  }
  services.progress().end();
  noteGroupedCodes(weights, largestError, services.progress());
  return {};
}

/// Everything that the file holds.
static std::vector<GgufDeclaration>
declare(const std::vector<GgufWeight> &weights,
        const std::vector<GgufNumbers> &ropeNumbers) {
  std::vector<GgufDeclaration> declarations;
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
  writeFileType(module, weights, metadata);
  if (options.importance)
    writeImportance(*options.importance, metadata);
  QOPT_CHECK(writeTokenizer(module, services.files(), model, metadata));

  std::vector<GgufNumbers> ropeNumbers = model.ropeNumbers();
  QOPT_ASSIGN(GgufOutput output,
              GgufOutput::create(path, metadata, declare(weights, ropeNumbers),
                                 options.parts, options.overwrite));
  ExportTimes times;
  QOPT_CHECK(
      writeTensors(weights, options.importance, services, output, times));
  for (auto [index, numbers] : llvm::enumerate(ropeNumbers))
    QOPT_CHECK(
        output.write(weights.size() + index, 0,
                     {reinterpret_cast<const uint8_t *>(numbers.values.data()),
                      numbers.values.size() * sizeof(float)}));
  QOPT_CHECK(times.flushing.measure([&] { return output.finish(); }));
  services.progress().note(times.text());
  return {};
}
