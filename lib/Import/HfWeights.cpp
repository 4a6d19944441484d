//===- HfWeights.cpp - the weights of a checkpoint directory --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "HfWeights.h"

#include "mlir/IR/Builders.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;

static constexpr std::string_view kModel = "model.";

HfWeights::HfWeights(MLIRContext &context, const TensorIndex &index,
                     const ModelConfig &config,
                     const QuantizedTensors *quantized)
    : context(context), index(index), config(config), quantized(quantized) {
  const std::string embedding =
      WeightId{WeightRole::Embedding}.huggingFace(*config.architecture);
  // Before and since transformers 4.52.
  constexpr std::pair<const char *, const char *> places[] = {
      {"language_model.", "model."}, {"", "model.language_model."}};
  if (index.find(embedding))
    return;
  for (auto [before, instead] : places)
    if (index.find(before + (instead + embedding.substr(kModel.size())))) {
      prefix = before;
      insteadOfModel = instead;
    }
}

std::string HfWeights::sourceName(size_t file) const {
  if (index.files().size() == 1)
    return "ckpt";
  return llvm::formatv("ckpt_{0:d5}", file + 1);
}

std::string HfWeights::storedName(const std::string &name) const {
  if (!insteadOfModel.empty() && name.starts_with(kModel))
    return prefix + insteadOfModel + name.substr(kModel.size());
  return prefix + name;
}

bool HfWeights::isOfTextModel(const std::string &name) const {
  return name.starts_with(prefix + insteadOfModel) || name == "lm_head.weight";
}

std::vector<std::string> HfWeights::unused() const {
  std::vector<std::string> names;
  for (const TensorEntry &entry : index.tensors())
    if (!used.contains(entry.name))
      names.push_back(entry.name);
  return names;
}

/// The tensors of a quantized weight; act-order becomes a view.
Result<StoredWeight> HfWeights::getQuantized(const WeightId &id,
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

/// A whole tensor as a weight of `shape`, to which its extents multiply.
Result<StoredWeight> HfWeights::floats(const TensorEntry &tensor,
                                       ArrayRef<int64_t> shape) {
  used.insert(tensor.name);
  std::string place =
      str(index.files()[tensor.file].path, ": tensor '", tensor.name, "'");
  Builder builder(&context);
  Type element;
  switch (tensor.dtype) {
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
    return badInput(place, " has element type ", dtypeName(tensor.dtype),
                    "; weights must be F16, BF16 or F32");
  }
  return StoredWeight{
      ExternAttr::get(&context, sourceName(tensor.file), tensor.name),
      RankedTensorType::get(shape, element), std::move(place)};
}

/// The tensor that holds the weight of all experts of a layer, as transformers
/// has them since version 5; null if there is none.
const TensorEntry *HfWeights::findStacked(const WeightId &id) const {
  if (!id.isExpert())
    return nullptr;
  const char *name =
      id.role == WeightRole::ExpertDown ? "down_proj" : "gate_up_proj";
  return index.find(
      storedName(str(kModel, "layers.", id.layer, ".mlp.experts.", name)));
}

/// Of [experts, rows, columns]; gates stand above ups.
Result<StoredWeight> HfWeights::getStacked(const WeightId &id,
                                           const TensorEntry &tensor) {
  std::vector<int64_t> shape = config.shapeOf(id.role), stored = shape;
  const bool halves = id.role != WeightRole::ExpertDown;
  if (halves)
    stored[0] *= 2;
  QOPT_ASSIGN(StoredWeight weight, floats(tensor, stored));
  if (tensor.shape !=
      std::vector<int64_t>{config.experts, stored[0], stored[1]})
    return badInput(weight.place, " must hold ", config.experts,
                    " matrices of ", stored[0], "x", stored[1]);
  weight.value = ExternAttr::get(&context, sourceName(tensor.file), tensor.name,
                                 id.expert, config.experts);
  if (!halves)
    return weight;
  Attribute slice =
      SliceAttr::get(&context, Axis::Rows,
                     id.role == WeightRole::ExpertUp ? shape[0] : 0, shape[0]);
  weight.value = ViewAttr::get(&context, weight.value, weight.type,
                               ArrayAttr::get(&context, {slice}));
  weight.type = RankedTensorType::get(shape, weight.type.getElementType());
  return weight;
}

Result<StoredWeight> HfWeights::get(const WeightId &id) {
  std::string name = storedName(id.huggingFace(*config.architecture));
  if (!index.find(name)) {
    if (const TensorEntry *stacked = findStacked(id))
      return getStacked(id, *stacked);
    // Beside such tensors Mixtral's router has another name, too.
    constexpr std::string_view before = "block_sparse_moe.", now = "mlp.";
    std::string renamed = name;
    if (size_t at = name.find(before); at != name.npos)
      renamed.replace(at, before.size(), now);
    if (index.find(renamed))
      name = renamed;
  }
  if (quantized && !index.find(name) && name.ends_with(".weight") &&
      config.shapeOf(id.role).size() == 2)
    return getQuantized(id, name.substr(0, name.size() - 7));
  QOPT_ASSIGN(const TensorEntry *entry, index.get(name));
  return floats(*entry, entry->shape);
}
