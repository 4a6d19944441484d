//===- Inspect.cpp - qopt inspect -----------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Model.h"
#include "Verbs.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/IO/Gguf.h"
#include "qopt/IO/Json.h"
#include "qopt/IO/TensorIndex.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

#include <cstdio>
#include <filesystem>

using namespace qopt;

namespace {

/// What every kind of file has in common.
struct Inventory {
  struct Tensor {
    std::string name, type;
    std::vector<int64_t> shape; // outermost first
    uint64_t bytes;

    int64_t numbers() const {
      int64_t count = 1;
      for (int64_t extent : shape)
        count *= extent;
      return count;
    }
  };
  std::string kind;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<Tensor> tensors;

  uint64_t bytes() const {
    uint64_t total = 0;
    for (const Tensor &tensor : tensors)
      total += tensor.bytes;
    return total;
  }
  double bitsPerWeight() const {
    double numbers = 0;
    for (const Tensor &tensor : tensors)
      numbers += double(tensor.numbers());
    return numbers == 0 ? 0 : 8.0 * double(bytes()) / numbers;
  }
};

std::string valueText(const GgufValue &value) {
  return std::visit(
      [&](const auto &content) -> std::string {
        using T = std::decay_t<decltype(content)>;
        if constexpr (std::is_same_v<T, bool>)
          return content ? "true" : "false";
        else if constexpr (std::is_same_v<T, std::string> ||
                           std::is_arithmetic_v<T>)
          return str(content);
        else
          return str(content.size(), " x ", ggufValueTypeName(value.type));
      },
      value.value);
}

Result<Inventory> inspectGguf(const std::string &path) {
  QOPT_ASSIGN(GgufFile file, GgufFile::open(path));
  Inventory inventory{"gguf", {}, {}};
  for (const auto &[key, value] : file.metadata().entries())
    inventory.metadata.emplace_back(key, valueText(value));
  for (const GgufTensor &tensor : file.tensors())
    inventory.tensors.push_back({tensor.name,
                                 std::string(findFormat(tensor.type)->name),
                                 {tensor.dims.rbegin(), tensor.dims.rend()},
                                 tensor.bytes});
  return inventory;
}

Result<Inventory> inspectSafetensors(const std::string &path) {
  QOPT_ASSIGN(SafetensorsFile file, SafetensorsFile::open(path));
  Inventory inventory{"safetensors", {}, {}};
  inventory.metadata = file.metadata();
  for (const SafetensorsTensor &tensor : file.tensors())
    inventory.tensors.push_back({tensor.name,
                                 std::string(dtypeName(tensor.dtype)),
                                 tensor.shape, tensor.bytes});
  return inventory;
}

Result<Inventory> inspectCheckpoint(const std::string &path) {
  QOPT_ASSIGN(TensorIndex index, TensorIndex::open(path));
  Inventory inventory{"checkpoint", {}, {}};
  for (const CheckpointFile &file : index.files())
    inventory.metadata.emplace_back("file", file.name);
  for (const TensorEntry &tensor : index.tensors())
    inventory.tensors.push_back({tensor.name,
                                 std::string(dtypeName(tensor.dtype)),
                                 tensor.shape, tensor.bytes});
  return inventory;
}

std::string printed(mlir::Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  attribute.print(stream);
  return text;
}

std::string weightTypeName(mlir::ShapedType type) {
  if (SchemeAttrInterface scheme = weightScheme(type))
    return scheme.mnemonicName();
  std::string text;
  llvm::raw_string_ostream stream(text);
  type.getElementType().print(stream);
  return text;
}

Result<Inventory> inspectModule(const std::string &path) {
  Progress silent;
  QOPT_ASSIGN(Model model, openModel(path, {}, silent));
  Inventory inventory{"module", {}, {}};
  for (mlir::StringRef name : {llm::LLMDialect::kConfig, QOptDialect::kSources})
    if (auto entries =
            (*model.module)->getAttrOfType<mlir::DictionaryAttr>(name))
      for (mlir::NamedAttribute entry : entries)
        inventory.metadata.emplace_back(name.str() + "." +
                                            entry.getName().str(),
                                        printed(entry.getValue()));
  for (auto global : model.module->getOps<mlir::ml_program::GlobalOp>()) {
    auto type = mlir::dyn_cast<mlir::ShapedType>(global.getType());
    if (!type || !type.hasStaticShape())
      continue;
    uint64_t bytes = 0;
    for (const Component &component : weightComponents(type))
      bytes += component.bytes();
    inventory.tensors.push_back(
        {"@" + global.getSymName().str(),
         weightTypeName(type),
         {type.getShape().begin(), type.getShape().end()},
         bytes});
  }
  return inventory;
}

void printText(const Inventory &inventory) {
  // Templates of chats have many lines; one line says enough here.
  constexpr size_t longest = 100;
  for (const auto &[key, value] : inventory.metadata) {
    size_t length = std::min(value.find('\n'), longest);
    std::printf("%-44s %s%s\n", key.c_str(), value.substr(0, length).c_str(),
                length < value.size() ? "..." : "");
  }
  for (const Inventory::Tensor &tensor : inventory.tensors) {
    std::string shape;
    for (int64_t extent : tensor.shape)
      shape += (shape.empty() ? "" : "x") + std::to_string(extent);
    std::printf("%-44s %-12s %-14s %12llu\n", tensor.name.c_str(),
                tensor.type.c_str(), shape.c_str(),
                static_cast<unsigned long long>(tensor.bytes));
  }
  std::printf("%zu tensors, %.2f MB, %.3f bits per weight\n",
              inventory.tensors.size(), double(inventory.bytes()) * 1e-6,
              inventory.bitsPerWeight());
}

void printJson(const Inventory &inventory) {
  JsonWriter json;
  json.beginObject().member("kind", inventory.kind);
  json.key("metadata").beginArray();
  for (const auto &[key, value] : inventory.metadata)
    json.beginArray().value(key).value(value).endArray();
  json.endArray().key("tensors").beginArray();
  for (const Inventory::Tensor &tensor : inventory.tensors) {
    json.beginObject().member("name", tensor.name).member("type", tensor.type);
    json.key("shape").beginArray();
    for (int64_t extent : tensor.shape)
      json.value(extent);
    json.endArray().member("bytes", tensor.bytes).endObject();
  }
  json.endArray()
      .member("bytes", inventory.bytes())
      .member("bpw", inventory.bitsPerWeight())
      .endObject();
  std::printf("%s\n", json.text().c_str());
}

Result<Inventory> inspect(const std::string &path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return inspectCheckpoint(path);
  if (path.ends_with(".gguf"))
    return inspectGguf(path);
  if (path.ends_with(".safetensors"))
    return inspectSafetensors(path);
  return inspectModule(path);
}

} // namespace

Status qopt::runInspect(std::span<char *> words) {
  std::string path;
  bool json = false;
  Arguments arguments("inspect", "Lists metadata and tensors of a file.");
  arguments.positional(
      "FILE", "a .gguf, .safetensors, .mlir, .mlirbc or checkpoint directory",
      path);
  arguments.flag("--json", "print one JSON object", json);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  if (!proceed)
    return {};
  QOPT_ASSIGN(Inventory inventory, inspect(path));
  (json ? printJson : printText)(inventory);
  return {};
}
