//===- About.cpp - what is known about a model ----------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Import/About.h"
#include "qopt/IO/FrontMatter.h"
#include "qopt/IO/Json.h"
#include "qopt/IO/TensorIndex.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"

#include <algorithm>

using namespace mlir;
using namespace qopt;

using Card = std::map<std::string, std::vector<std::string>>;

static constexpr std::string_view kGeneral = "general.";
/// Keys about the file, or that exports decide.
static constexpr std::string_view kNotCarried[] = {
    "architecture",         "type",         "name",     "file_type",
    "quantization_version", "quantized_by", "alignment"};

//===----------------------------------------------------------------------===//
// Model cards
//===----------------------------------------------------------------------===//

/// What stands under the first of some keys that is there.
static const std::vector<std::string> *firstOf(const Card &card,
                                               ArrayRef<const char *> keys) {
  for (const char *key : keys)
    if (auto found = card.find(key); found != card.end())
      return &found->second;
  return nullptr;
}

/// `novella-7m` as `Novella 7m`: words in small letters get a large one, but
/// for versions and sizes.
static std::string titleOf(StringRef name) {
  std::string title;
  for (StringRef word : llvm::split(name, '-')) {
    if (word.empty())
      continue;
    bool number = llvm::isDigit(word[0]) ||
                  (word[0] == 'v' && word.size() > 1 && llvm::isDigit(word[1]));
    bool small = word.lower() == word && word.upper() != word;
    std::string written = word.str();
    for (size_t i = 0; small && !number && i < written.size(); ++i)
      if (i == 0 || !llvm::isAlpha(written[i - 1]))
        written[i] = llvm::toUpper(written[i]);
    title += (title.empty() ? "" : " ") + written;
  }
  return title;
}

namespace {
struct AboutBuilder {
  Builder builder;
  NamedAttrList entries;

  explicit AboutBuilder(MLIRContext &context) : builder(&context) {}
  void text(const std::string &key, StringRef value) {
    entries.set(key, builder.getStringAttr(value));
  }
  void texts(const std::string &key, const std::vector<std::string> &values) {
    entries.set(key, builder.getStrArrayAttr(
                         SmallVector<StringRef>(values.begin(), values.end())));
  }
  void card(const Card &card);
  void sources(const std::string &key, const std::vector<std::string> &ids);
  void sampling(JsonValue settings);
};
} // namespace

/// Models or data sets that a model is made from, by their names on the hub
/// (`maker/name`) or by their addresses.
void AboutBuilder::sources(const std::string &key,
                           const std::vector<std::string> &ids) {
  for (auto [index, id] : llvm::enumerate(ids)) {
    const std::string prefix = str(key, ".", index, ".");
    constexpr StringRef hub = "https://huggingface.co/";
    StringRef name = id;
    bool address = name.contains("://");
    if (address)
      text(prefix + "repo_url", id);
    if (address && !name.consume_front(hub))
      continue;
    auto [maker, model] = name.split('/');
    if (model.empty()) {
      text(prefix + "name", titleOf(maker));
      continue;
    }
    text(prefix + "name", titleOf(model));
    text(prefix + "organization", titleOf(maker));
    if (!address)
      text(prefix + "repo_url", hub.str() + id);
  }
  entries.set(key + ".count",
              builder.getIntegerAttr(builder.getIntegerType(32, false),
                                     int64_t(ids.size())));
}

void AboutBuilder::card(const Card &card) {
  struct {
    const char *key;
    std::vector<const char *> names; // in the card, the best first
  } single[] = {
      {"name", {"name", "model_name"}},
      {"author", {"author", "model_author", "model_creator"}},
      {"version", {"version", "model_version"}},
      {"organization", {"organization", "model_organization"}},
      {"description", {"description", "model_description"}},
      {"finetune", {"finetune", "model_finetune"}},
      {"basename", {"basename", "model_basename", "model_type"}},
      {"size_label", {"size_label", "model_size_label"}},
      {"source.url", {"url", "model_url"}},
      {"source.doi", {"doi", "model_doi"}},
      {"source.uuid", {"uuid", "model_uuid"}},
      {"source.repo_url", {"repo_url", "model_repo_url"}},
      {"license", {"license"}},
      {"license.name", {"license_name"}},
      {"license.link", {"license_link"}},
  };
  for (const auto &[key, names] : single)
    if (const std::vector<std::string> *values = firstOf(card, names))
      text(key, llvm::join(*values, ","));
  for (auto [key, first, second] : {std::tuple{"tags", "tags", "pipeline_tag"},
                                    {"languages", "languages", "language"}}) {
    std::vector<std::string> all;
    for (const char *name : {first, second})
      if (const std::vector<std::string> *values = firstOf(card, name))
        all.insert(all.end(), values->begin(), values->end());
    if (!all.empty())
      texts(key, all);
  }
  if (auto *ids =
          firstOf(card, {"base_model", "base_models", "base_model_sources"}))
    sources("base_model", *ids);
  if (auto *ids = firstOf(card, {"datasets", "dataset", "dataset_sources"}))
    sources("dataset", *ids);
}

/// How the makers sample, from generation_config.json.
void AboutBuilder::sampling(JsonValue settings) {
  if (auto value = settings.find("top_k"))
    if (auto count = value->asInt();
        count && *count >= 0 && *count <= INT32_MAX)
      entries.set("sampling.top_k", builder.getI32IntegerAttr(*count));
  for (auto [name, key] : {std::pair{"top_p", "sampling.top_p"},
                           {"min_p", "sampling.min_p"},
                           {"temperature", "sampling.temp"},
                           {"repetition_penalty", "sampling.penalty_repeat"}})
    if (auto value = settings.find(name))
      if (auto number = value->asDouble())
        entries.set(key, builder.getF32FloatAttr(float(*number)));
}

DictionaryAttr qopt::aboutCheckpoint(MLIRContext &context,
                                     const std::string &directory) {
  AboutBuilder about(context);
  constexpr uint64_t most = 16 << 20;
  if (auto path = checkpointMember(directory, "README.md"))
    if (auto text = readWholeFile(*path, most))
      about.card(readFrontMatter(*text));
  if (auto path = checkpointMember(directory, "generation_config.json"))
    if (auto settings = JsonDocument::load(*path))
      about.sampling(settings->root());
  return about.entries.getDictionary(&context);
}

//===----------------------------------------------------------------------===//
// GGUF
//===----------------------------------------------------------------------===//

DictionaryAttr qopt::aboutGguf(MLIRContext &context,
                               const GgufMetadata &metadata) {
  AboutBuilder about(context);
  Builder &builder = about.builder;
  for (const auto &[fullKey, value] : metadata.entries()) {
    if (!fullKey.starts_with(kGeneral))
      continue;
    std::string key = fullKey.substr(kGeneral.size());
    if (key.empty() || llvm::is_contained(kNotCarried, key))
      continue;
    using T = GgufValueType;
    if (auto *text = std::get_if<std::string>(&value.value))
      about.text(key, *text);
    else if (auto *texts = std::get_if<std::vector<std::string>>(&value.value))
      about.texts(key, *texts);
    else if (auto *count = std::get_if<uint64_t>(&value.value);
             count && value.type == T::U32)
      about.entries.set(key, builder.getIntegerAttr(
                                 builder.getIntegerType(32, false), *count));
    else if (auto *number = std::get_if<int64_t>(&value.value);
             number && value.type == T::I32)
      about.entries.set(key, builder.getI32IntegerAttr(*number));
    else if (auto *real = std::get_if<double>(&value.value);
             real && value.type == T::F32)
      about.entries.set(key, builder.getF32FloatAttr(*real));
  }
  return about.entries.getDictionary(&context);
}

Status qopt::writeAbout(DictionaryAttr about, GgufMetadata &metadata) {
  for (NamedAttribute entry : about) {
    std::string key = std::string(kGeneral) + entry.getName().str();
    Attribute value = entry.getValue();
    if (auto text = dyn_cast<StringAttr>(value)) {
      metadata.setString(key, text.getValue());
    } else if (auto integer = dyn_cast<IntegerAttr>(value);
               integer && integer.getType().isUnsignedInteger(32)) {
      metadata.setU32(key, integer.getUInt());
    } else if (integer && integer.getType().isSignlessInteger(32)) {
      metadata.setI32(key, integer.getInt());
    } else if (auto number = dyn_cast<FloatAttr>(value);
               number && number.getType().isF32()) {
      metadata.setF32(key, number.getValue().convertToFloat());
    } else if (auto list = dyn_cast<ArrayAttr>(value);
               list && llvm::all_of(list, llvm::IsaPred<StringAttr>)) {
      std::vector<std::string> texts;
      for (StringAttr text : list.getAsRange<StringAttr>())
        texts.push_back(text.getValue().str());
      metadata.setStrings(key, std::move(texts));
    } else {
      return badInput(kAbout.data(), ": '", entry.getName().str(),
                      "' is no string, list of strings, i32, ui32 or f32");
    }
  }
  return {};
}
