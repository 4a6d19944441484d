//===- CheckpointConfig.cpp - config.json and its companions --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CheckpointConfig.h"
#include "CheckpointKinds.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/IO/AtomicFile.h"
#include "qopt/IO/TensorIndex.h"
#include "qopt/Import/BuildModule.h"
#include "qopt/Import/HfConfig.h"

#include <filesystem>

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;
namespace fs = std::filesystem;

std::string qopt::detail::originDirectory(ModuleOp module,
                                          const SourceFiles &files) {
  auto file = module->getAttrOfType<FileAttr>(llm::LLMDialect::kTokenizer);
  if (!file)
    return "";
  fs::path path = files.resolve(file.getPath());
  if (path.filename() != "tokenizer.json" &&
      path.filename() != "tokenizer.model")
    return "";
  return path.has_parent_path() ? path.parent_path().string() : ".";
}

//===----------------------------------------------------------------------===//
// config.json
//===----------------------------------------------------------------------===//

static void copyValue(JsonValue value, JsonWriter &json) {
  switch (value.kind()) {
  case JsonKind::Null:
    json.null();
    return;
  case JsonKind::Bool:
    json.value(*value.asBool());
    return;
  case JsonKind::Int:
    json.value(*value.asInt());
    return;
  case JsonKind::Unsigned:
    json.value(*value.asUnsigned());
    return;
  case JsonKind::Double:
    json.value(*value.asDouble());
    return;
  case JsonKind::String:
    json.value(*value.asString());
    return;
  case JsonKind::Array:
    json.beginArray();
    for (size_t i = 0; i < value.size(); ++i)
      copyValue(value[i], json);
    json.endArray();
    return;
  case JsonKind::Object:
    json.beginObject();
    for (size_t i = 0; i < value.size(); ++i) {
      json.key(value.key(i));
      copyValue(value[i], json);
    }
    json.endObject();
    return;
  }
}

/// An attribute of llm.config as JSON.
static void writeAttribute(Attribute attribute, JsonWriter &json) {
  if (auto flag = dyn_cast<BoolAttr>(attribute)) {
    json.value(flag.getValue());
  } else if (auto integer = dyn_cast<IntegerAttr>(attribute)) {
    json.value(integer.getInt());
  } else if (auto number = dyn_cast<FloatAttr>(attribute)) {
    json.value(number.getValueAsDouble());
  } else if (auto text = dyn_cast<StringAttr>(attribute)) {
    json.value(text.getValue().str());
  } else if (auto list = dyn_cast<ArrayAttr>(attribute)) {
    json.beginArray();
    for (Attribute element : list)
      writeAttribute(element, json);
    json.endArray();
  } else if (auto entries = dyn_cast<DictionaryAttr>(attribute)) {
    json.beginObject();
    for (NamedAttribute entry : entries) {
      json.key(entry.getName().str());
      writeAttribute(entry.getValue(), json);
    }
    json.endObject();
  } else {
    json.null();
  }
}

/// Whether a configuration says the same of a model as llm.config does, apart
/// from what it is called and where it stops.
static bool describes(MLIRContext &context, const std::string &origin,
                      DictionaryAttr config) {
  auto read = readHfConfig(origin);
  if (!read)
    return false;
  auto essence = [](DictionaryAttr entries) {
    NamedAttrList list(entries);
    list.erase("name");
    list.erase("eos_token_id");
    return list.getDictionary(entries.getContext());
  };
  return essence(configAttribute(context, *read)) == essence(config);
}

/// The members of a config.json that is made from llm.config.
static Status writeOwnMembers(DictionaryAttr config, const CheckpointPlan &plan,
                              JsonWriter &json) {
  auto name = config.getAs<StringAttr>("arch");
  const Architecture *family =
      name ? findArchitecture(name.getValue()) : nullptr;
  if (!family)
    return badInput("llm.config: arch is none of ", supportedArchitectures());
  json.key("architectures")
      .beginArray()
      .value(std::string(family->className))
      .endArray()
      .member("model_type", std::string(family->name));
  for (NamedAttribute entry : config)
    if (entry.getName() != "arch" && entry.getName() != "name") {
      json.key(entry.getName().str());
      writeAttribute(entry.getValue(), json);
    }
  const CheckpointWeight *embedding = plan.find(WeightRole::Embedding);
  DType dtype = embedding ? embedding->tensors.front().dtype : DType::F16;
  json.member("torch_dtype", dtype == DType::F32    ? "float32"
                             : dtype == DType::BF16 ? "bfloat16"
                                                    : "float16");
  return {};
}

Result<std::string> qopt::detail::checkpointConfig(ModuleOp module,
                                                   const std::string &origin,
                                                   const CheckpointPlan &plan) {
  auto config = module->getAttrOfType<DictionaryAttr>(llm::LLMDialect::kConfig);
  if (!config)
    return badInput("the module has no llm.config, from which config.json is "
                    "made; import the model with qopt import");
  JsonWriter json(2);
  json.beginObject();
  if (!origin.empty() && describes(*module.getContext(), origin, config)) {
    QOPT_ASSIGN(std::string path, checkpointMember(origin, "config.json"));
    QOPT_ASSIGN(JsonDocument document, JsonDocument::load(path));
    JsonValue root = document.root();
    for (size_t i = 0; i < root.size(); ++i)
      if (root.key(i) != "quantization_config" &&
          root.key(i) != "compression_config") {
        json.key(root.key(i));
        copyValue(root[i], json);
      }
  } else {
    QOPT_CHECK(writeOwnMembers(config, plan, json));
  }
  json.key("quantization_config");
  writeQuantizationConfig(plan, json);
  json.endObject();
  return json.text() + "\n";
}

//===----------------------------------------------------------------------===//
// Files that are copied
//===----------------------------------------------------------------------===//

Status qopt::detail::copyCompanions(const std::string &origin,
                                    const AtomicDirectory &directory) {
  static constexpr const char *names[] = {"tokenizer.json",
                                          "tokenizer_config.json",
                                          "special_tokens_map.json",
                                          "added_tokens.json",
                                          "tokenizer.model",
                                          "vocab.json",
                                          "merges.txt",
                                          "chat_template.jinja",
                                          "chat_template.json",
                                          "generation_config.json",
                                          "LICENSE"};
  std::error_code failed;
  for (const char *name : names) {
    fs::path path = fs::path(origin) / name;
    if (fs::symlink_status(path, failed).type() == fs::file_type::not_found)
      continue;
    QOPT_ASSIGN(std::string member, checkpointMember(origin, name));
    QOPT_ASSIGN(std::string content, readWholeFile(member));
    QOPT_CHECK(writeTextFile(directory.member(name), content));
  }
  return {};
}
