//===- HfCheckpoint.cpp - a checkpoint directory to a module --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "HfWeights.h"
#include "qopt/Import/About.h"
#include "qopt/Import/HfConfig.h"
#include "qopt/Import/Import.h"

#include "mlir/IR/Builders.h"

#include <filesystem>

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;
namespace fs = std::filesystem;

/// Says which tensors are left over, but for what other programs wrote and what
/// follows from the rest.
static void noteUnused(const HfWeights &weights, const ModelConfig &config,
                       const std::string &directory,
                       std::vector<std::string> &remarks) {
  std::string head = weights.storedName(
      WeightId{WeightRole::Head}.huggingFace(*config.architecture));
  int64_t others = 0;
  for (const std::string &name : weights.unused())
    if (!weights.isOfTextModel(name))
      ++others;
    else if (!StringRef(name).ends_with("rotary_emb.inv_freq") &&
             !(config.tiedEmbeddings && name == head))
      remarks.push_back(
          str(directory, ": tensor '", name, "' is not used by the model"));
  if (others > 0)
    remarks.push_back(str(directory, ": the text model of a multimodal one; ",
                          others, " tensors of the rest are left out"));
}

Result<ImportedModel> qopt::importCheckpoint(MLIRContext &context,
                                             const std::string &directory,
                                             const ImportOptions &options) {
  QOPT_ASSIGN(ModelConfig config, readHfConfig(directory));
  QOPT_ASSIGN(TensorIndex index, TensorIndex::open(directory));
  ImportedModel result;
  for (const char *name :
       {"config.json", "generation_config.json", "quantize_config.json",
        "model.safetensors.index.json", "README.md"})
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
  HfWeights weights(context, index, config, quantized ? &*quantized : nullptr);
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

  if (DictionaryAttr about = aboutCheckpoint(context, directory);
      !about.empty())
    (*result.module)->setAttr(kAbout, about);
  noteUnused(weights, config, directory, result.remarks);

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
