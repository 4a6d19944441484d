//===- HfCheckpoint.cpp - a checkpoint directory to a module --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "QuantizedTensors.h"
#include "qopt/IO/TensorIndex.h"
#include "qopt/Import/BuildModule.h"
#include "qopt/Import/HfConfig.h"
#include "qopt/Import/Import.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/FormatVariadic.h"

#include <filesystem>
#include <set>

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;
namespace fs = std::filesystem;

namespace {

/// The weights of a TensorIndex under their Hugging Face names.
class TensorIndexDirectory final : public WeightDirectory {
public:
  /// `quantized` is null if the checkpoint is not.
  TensorIndexDirectory(MLIRContext &context, const TensorIndex &index,
                       const ModelConfig &config,
                       const QuantizedTensors *quantized)
      : context(context), index(index), config(config), quantized(quantized) {}

  Result<StoredWeight> get(const WeightId &id) override;

  /// The name of a file in `qopt.sources`.
  std::string sourceName(size_t file) const {
    if (index.files().size() == 1)
      return "ckpt";
    return llvm::formatv("ckpt_{0:d5}", file + 1);
  }
  /// Tensors that nobody asked for, sorted.
  std::vector<std::string> unused() const {
    std::vector<std::string> names;
    for (const TensorEntry &entry : index.tensors())
      if (!used.contains(entry.name))
        names.push_back(entry.name);
    return names;
  }

private:
  Result<StoredWeight> getQuantized(const WeightId &id,
                                    const std::string &module);

  MLIRContext &context;
  const TensorIndex &index;
  const ModelConfig &config;
  const QuantizedTensors *quantized;
  std::set<std::string> used;
};

} // namespace

/// The tensors of a quantized weight; act-order becomes a view.
Result<StoredWeight>
TensorIndexDirectory::getQuantized(const WeightId &id,
                                   const std::string &module) {
  std::vector<int64_t> shape = config.shapeOf(id.role);
  QOPT_ASSIGN(QuantizedTensor weight,
              quantized->get(module, shape[0], shape[1]));
  for (const TensorEntry *tensor : weight.tensors)
    used.insert(tensor->name);
  size_t file = weight.tensors.front()->file;
  StoredWeight result{ExternAttr::get(&context, sourceName(file), module),
                      weight.type,
                      str(index.files()[file].path, ": weight '", module, "'")};
  if (weight.columnOrder.empty())
    return result;
  Builder builder(&context);
  Attribute permute =
      PermuteAttr::get(&context, Axis::Columns,
                       builder.getDenseI64ArrayAttr(weight.columnOrder));
  result.value = ViewAttr::get(&context, result.value, weight.type,
                               builder.getArrayAttr({permute}));
  result.type = RankedTensorType::get(shape, weight.type.getElementType());
  return result;
}

Result<StoredWeight> TensorIndexDirectory::get(const WeightId &id) {
  std::string name = id.huggingFace(*config.architecture);
  if (quantized && !index.find(name) && name.ends_with(".weight") &&
      config.shapeOf(id.role).size() == 2)
    return getQuantized(id, name.substr(0, name.size() - 7));
  QOPT_ASSIGN(const TensorEntry *entry, index.get(name));
  used.insert(entry->name);
  std::string place =
      str(index.files()[entry->file].path, ": tensor '", entry->name, "'");
  Builder builder(&context);
  Type element;
  switch (entry->dtype) {
  case DType::F32:
    element = builder.getF32Type();
    break;
  case DType::F16:
    element = builder.getF16Type();
    break;
  case DType::BF16:
    element = builder.getBF16Type();
    break;
  default:
    return badInput(place, " has element type ", dtypeName(entry->dtype),
                    "; weights must be F16, BF16 or F32");
  }
  return StoredWeight{
      ExternAttr::get(&context, sourceName(entry->file), entry->name),
      RankedTensorType::get(entry->shape, element), std::move(place)};
}

/// Whether a tensor may lie unused without a word: what other programs wrote,
/// and what follows from the rest.
static bool isHarmless(StringRef name, const ModelConfig &config) {
  return name.ends_with("rotary_emb.inv_freq") ||
         (config.tiedEmbeddings &&
          name == WeightId{WeightRole::Head}.huggingFace(*config.architecture));
}

Result<ImportedModel> qopt::importCheckpoint(MLIRContext &context,
                                             const std::string &directory,
                                             const ImportOptions &options) {
  QOPT_ASSIGN(ModelConfig config, readHfConfig(directory));
  QOPT_ASSIGN(TensorIndex index, TensorIndex::open(directory));
  ImportedModel result;
  for (const char *name :
       {"config.json", "generation_config.json", "quantize_config.json",
        "model.safetensors.index.json"})
    result.inputs.push_back((fs::path(directory) / name).string());
  QOPT_ASSIGN(std::optional<QuantizationConfig> quantization,
              readQuantizationConfig(directory));
  std::optional<QuantizedTensors> quantized;
  if (quantization) {
    QOPT_ASSIGN(QuantizedTensors opened,
                QuantizedTensors::open(context, index, *quantization));
    quantized.emplace(std::move(opened));
    result.remarks = quantized->remarks();
  }
  TensorIndexDirectory weights(context, index, config,
                               quantized ? &*quantized : nullptr);
  QOPT_ASSIGN(result.module, buildModule(context, config, weights));

  Builder builder(&context);
  NamedAttrList sources;
  for (size_t i = 0; i < index.files().size(); ++i) {
    const CheckpointFile &file = index.files()[i];
    QOPT_ASSIGN(std::string path,
                referencePath(file.path, options.outputDirectory));
    sources.set(weights.sourceName(i),
                FileAttr::get(&context, path, int64_t(file.size), file.hash));
    result.inputs.push_back(file.path);
  }
  (*result.module)
      ->setAttr(QOptDialect::kSources, sources.getDictionary(&context));

  for (const std::string &name : weights.unused())
    if (!isHarmless(name, config))
      result.remarks.push_back(
          str(directory, ": tensor '", name, "' is not used by the model"));

  std::error_code failed;
  auto has = [&](const char *name) {
    return fs::exists(fs::path(directory) / name, failed);
  };
  const char *name =
      has("tokenizer.json") ? "tokenizer.json" : "tokenizer.model";
  if (!has(name)) {
    result.remarks.push_back(
        str(directory, ": has no tokenizer.json and no tokenizer.model; the "
                       "module can take tokens, but no text"));
    return result;
  }
  QOPT_ASSIGN(std::string tokenizer, checkpointMember(directory, name));
  QOPT_ASSIGN(std::string path,
              referencePath(tokenizer, options.outputDirectory));
  (*result.module)
      ->setAttr(llm::LLMDialect::kTokenizer,
                FileAttr::get(&context, path, -1, StringRef()));
  result.inputs.push_back(tokenizer);
  return result;
}
