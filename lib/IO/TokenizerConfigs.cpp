//===- TokenizerConfigs.cpp - special tokens of a checkpoint --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Gguf.h"
#include "qopt/IO/GgufTokenizer.h"
#include "qopt/IO/HuggingFaceTokenizer.h"
#include "qopt/IO/MappedFile.h"
#include "qopt/IO/SentencePieceModel.h"
#include "qopt/IO/Tokenizer.h"

#include <algorithm>
#include <filesystem>

using namespace qopt;

// The id of a token that is given by its spelling or as {"content": spelling}.
static Result<std::optional<TokenId>>
readNamedToken(JsonValue config, std::string_view key,
               const TokenizerData &data) {
  const auto member = config.find(key);
  if (!member)
    return std::nullopt;
  QOPT_ASSIGN(const auto spelling, member->isObject()
                                       ? member->getString("content")
                                       : member->asString());
  const auto found =
      std::find(data.tokens.begin(), data.tokens.end(), spelling);
  if (found == data.tokens.end())
    return member->error("token '", spelling, "' is not in ", data.source);
  return TokenId(found - data.tokens.begin());
}

// Ids given as a number or a list of numbers; none if absent.
static Result<std::vector<TokenId>>
readIds(JsonValue config, std::string_view key, const TokenizerData &data) {
  std::vector<TokenId> ids;
  const auto member = config.find(key);
  if (!member)
    return ids;
  for (std::size_t i = 0; i < (member->isArray() ? member->size() : 1); ++i) {
    const JsonValue value = member->isArray() ? (*member)[i] : *member;
    QOPT_ASSIGN(const int64_t id, value.asInt());
    if (id < 0 || std::size_t(id) >= data.tokens.size())
      return value.error("token id ", id, " is outside of the vocabulary of ",
                         data.tokens.size(), " tokens in ", data.source);
    ids.push_back(TokenId(id));
  }
  return ids;
}

// A string, or a list of {"name", "template"} of which one is "default".
static Result<std::string> readChatTemplate(JsonValue member) {
  if (!member.isArray()) {
    QOPT_ASSIGN(const auto text, member.asString());
    return std::string(text);
  }
  for (std::size_t i = 0; i < member.size(); ++i) {
    QOPT_ASSIGN(const auto name, member[i].getString("name"));
    QOPT_ASSIGN(const auto text, member[i].getString("template"));
    if (name == "default")
      return std::string(text);
  }
  return member.error("none of the chat templates is named 'default'");
}

static Status readTokenizerConfig(JsonValue config, TokenizerData &data) {
  for (auto [key, id] : {std::pair{"bos_token", &data.bos},
                         {"eos_token", &data.eos},
                         {"pad_token", &data.pad}}) {
    QOPT_ASSIGN(const auto found, readNamedToken(config, key, data));
    if (found)
      *id = found;
  }
  // Fast tokenizers obey the post-processor; the flags repeat it or, where the
  // post-processor is silent, stand in for it.
  QOPT_ASSIGN(data.addBos, config.getBool("add_bos_token", data.addBos));
  QOPT_ASSIGN(data.addEos, config.getBool("add_eos_token", data.addEos));
  if (const auto chat = config.find("chat_template")) {
    QOPT_ASSIGN(data.chatTemplate, readChatTemplate(*chat));
  }
  return {};
}

static Status readGenerationConfig(JsonValue config, TokenizerData &data) {
  QOPT_ASSIGN(const auto bos, readIds(config, "bos_token_id", data));
  QOPT_ASSIGN(const auto eos, readIds(config, "eos_token_id", data));
  QOPT_ASSIGN(const auto pad, readIds(config, "pad_token_id", data));
  if (!data.bos && !bos.empty())
    data.bos = bos[0];
  if (!data.eos && !eos.empty())
    data.eos = eos[0];
  if (!data.pad && !pad.empty())
    data.pad = pad[0];
  data.stop = eos;
  return {};
}

Status qopt::readTokenizerConfigs(const std::string &directory,
                                  TokenizerData &data) {
  const std::filesystem::path base(directory);
  std::error_code ignored;
  const auto configPath = base / "tokenizer_config.json";
  if (std::filesystem::exists(configPath, ignored)) {
    QOPT_ASSIGN(const auto document, JsonDocument::load(configPath.string()));
    QOPT_CHECK(readTokenizerConfig(document.root(), data));
  }
  const auto generationPath = base / "generation_config.json";
  if (std::filesystem::exists(generationPath, ignored)) {
    QOPT_ASSIGN(const auto document,
                JsonDocument::load(generationPath.string()));
    QOPT_CHECK(readGenerationConfig(document.root(), data));
  }
  const auto templatePath = base / "chat_template.jinja";
  if (std::filesystem::exists(templatePath, ignored)) {
    QOPT_ASSIGN(data.chatTemplate, readWholeFile(templatePath.string()));
  }
  return {};
}

Result<Tokenizer> Tokenizer::load(const std::string &path) {
  std::filesystem::path file(path);
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) {
    const bool json = std::filesystem::exists(file / "tokenizer.json", ignored);
    const bool model =
        std::filesystem::exists(file / "tokenizer.model", ignored);
    file /= json || !model ? "tokenizer.json" : "tokenizer.model";
  }
  if (file.extension() == ".model") {
    QOPT_ASSIGN(const auto mapped, MappedFile::open(file.string()));
    QOPT_ASSIGN(auto data,
                readSentencePieceModel(mapped->bytes(), file.string()));
    QOPT_CHECK(readTokenizerConfigs(file.parent_path().string(), data));
    return create(std::move(data));
  }
  if (file.extension() == ".gguf") {
    QOPT_ASSIGN(const auto gguf, GgufFile::open(path));
    QOPT_ASSIGN(auto data, readGgufTokenizer(gguf.metadata(), path));
    return create(std::move(data));
  }
  QOPT_ASSIGN(const auto document, JsonDocument::load(file.string()));
  QOPT_ASSIGN(auto data, readTokenizerJson(document));
  QOPT_CHECK(readTokenizerConfigs(file.parent_path().string(), data));
  return create(std::move(data));
}
