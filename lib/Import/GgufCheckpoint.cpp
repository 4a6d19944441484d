//===- GgufCheckpoint.cpp - a GGUF file to a module -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Bytes.h"
#include "qopt/IO/Hash.h"
#include "qopt/Import/About.h"
#include "qopt/Import/BuildModule.h"
#include "qopt/Import/GgufConfig.h"
#include "qopt/Import/Import.h"

#include "mlir/IR/Builders.h"

#include <set>

using namespace mlir;
using namespace qopt;

namespace {

/// The weights of a GGUF file. Floats stay floats; quantized ones keep their
/// blocks.
class GgufDirectory final : public WeightDirectory {
public:
  /// The key under which the module knows a file of the model.
  static std::string sourceName(size_t part) {
    return part == 0 ? "ckpt" : "ckpt" + std::to_string(part);
  }

  GgufDirectory(MLIRContext &context, const GgufFile &file, int64_t experts)
      : context(context), file(file), experts(experts) {}

  Result<StoredWeight> get(const WeightId &id) override;

  /// Tensors that nobody asked for, in file order.
  std::vector<std::string> unused() const {
    std::vector<std::string> names;
    for (const GgufTensor &tensor : file.tensors())
      if (!used.contains(tensor.name))
        names.push_back(tensor.name);
    return names;
  }

private:
  /// Null for a type that no weight may have.
  ShapedType typeOf(GgufType type, SmallVector<int64_t> shape) const;

  MLIRContext &context;
  const GgufFile &file;
  int64_t experts; // that lie in the tensor of an expert's weight
  std::set<std::string> used;
};

} // namespace

ShapedType GgufDirectory::typeOf(GgufType type,
                                 SmallVector<int64_t> shape) const {
  Builder builder(&context);
  switch (type) {
  case GgufType::F32:
    return RankedTensorType::get(shape, builder.getF32Type());
  case GgufType::F16:
    return RankedTensorType::get(shape, builder.getF16Type());
  case GgufType::BF16:
    return RankedTensorType::get(shape, builder.getBF16Type());
  default:
    break;
  }
  if (!findFormat(type)->quantized || shape.size() != 2)
    return {};
  return PackedType::get(&context, shape, builder.getF16Type(),
                         GgufAttr::get(&context, type),
                         BlocksAttr::get(&context));
}

Result<StoredWeight> GgufDirectory::get(const WeightId &id) {
  std::string name = id.gguf();
  const GgufTensor *tensor = file.find(name);
  if (!tensor)
    return badInput(file.file().path(), ": tensor ", quote(name),
                    " is missing");
  used.insert(name);
  std::string place =
      str(file.parts()[tensor->part]->path(), ": tensor ", quote(name));
  SmallVector<int64_t> shape(llvm::reverse(tensor->dims));
  if (id.isExpert()) {
    if (shape.size() != 3 || shape.front() != experts)
      return badInput(place, " must hold one matrix for each of ", experts,
                      " experts");
    shape.erase(shape.begin());
  }
  ShapedType type = typeOf(tensor->type, shape);
  if (!type)
    return badInput(place, " is ", findFormat(tensor->type)->ggmlName, " of ",
                    tensor->dims.size(),
                    " dimensions; norms and biases must be floats, and other "
                    "weights matrices");
  return StoredWeight{ExternAttr::get(&context, sourceName(tensor->part), name,
                                      id.isExpert() ? id.expert : 0,
                                      id.isExpert() ? experts : 0),
                      type, std::move(place)};
}

Result<ImportedModel> qopt::importGguf(MLIRContext &context,
                                       const std::string &path,
                                       const ImportOptions &options) {
  QOPT_ASSIGN(GgufFile file, GgufFile::open(path));
  QOPT_ASSIGN(ModelConfig config, readGgufConfig(file));
  ImportedModel result;
  GgufDirectory weights(context, file, config.experts);
  QOPT_ASSIGN(result.module, buildModule(context, config, weights));
  NamedAttrList sources;
  for (auto [part, mapped] : llvm::enumerate(file.parts())) {
    result.inputs.push_back(mapped->path());
    QOPT_ASSIGN(std::string reference,
                referencePath(mapped->path(), options.outputDirectory));
    QOPT_ASSIGN(std::string hash, fileHash(*mapped));
    sources.set(
        GgufDirectory::sourceName(part),
        FileAttr::get(&context, reference, int64_t(mapped->size()), hash));
  }
  (*result.module)
      ->setAttr(QOptDialect::kSources, sources.getDictionary(&context));

  if (DictionaryAttr about = aboutGguf(context, file.metadata());
      !about.empty())
    (*result.module)->setAttr(kAbout, about);

  for (const std::string &name : weights.unused())
    if (!StringRef(name).starts_with("rope_f")) // freqs, factors_long, _short
      result.remarks.push_back(
          str(path, ": tensor ", quote(name), " is not used by the model"));
  if (file.metadata().contains("tokenizer.ggml.model")) {
    QOPT_ASSIGN(std::string reference,
                referencePath(file.file().path(), options.outputDirectory));
    (*result.module)
        ->setAttr(llm::LLMDialect::kTokenizer,
                  FileAttr::get(&context, reference, -1, StringRef()));
  } else {
    result.remarks.push_back(
        str(path, ": has no tokenizer; the module can take tokens, but no "
                  "text"));
  }
  return result;
}
