//===- TokenizerJson.cpp - reading tokenizer.json -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "SentencePieceJson.h"
#include "qopt/IO/HuggingFaceTokenizer.h"

#include "qopt/IO/TokenizerData.h"

#include <unordered_map>

using namespace qopt;

namespace {
class Reader {
public:
  explicit Reader(JsonValue root) : root(root) {}

  Status normalizer();
  Status pretokenizer();
  Status model();
  Status addedTokens();
  Status postProcessor();
  Status decoder();
  void markPieces();
  void fillHoles();

  TokenizerData data;

private:
  Status split(JsonValue step);
  Status byteLevelStep(JsonValue step, bool &usesRegex);
  Status vocabulary(JsonValue vocab, std::size_t expectedTokens);
  Status merges(JsonValue list);
  Status templateProcessing(JsonValue processor);
  Result<TokenId> addToken(JsonValue place, std::string_view spelling,
                           int64_t id, TokenType type);

  JsonValue root;
  std::unordered_map<std::string, TokenId> ids;
  std::size_t idLimit = 0;
};
} // namespace

// Members of a pipeline component that change what it does, unless absent or
// null or the value that means nothing.
static Status requireBool(JsonValue object, std::string_view key, bool value) {
  QOPT_ASSIGN(const bool found, object.getBool(key, value));
  if (found != value)
    return object.error("'", key, "' = ", found ? "true" : "false",
                        " is not supported");
  return {};
}

static tl::unexpected<Error>
unknownType(JsonValue component, std::string_view what, std::string_view type) {
  return component.error("unknown ", what, " '", type, "'");
}

Status Reader::normalizer() {
  const auto normalizer = root.find("normalizer");
  if (!normalizer)
    return {};
  QOPT_ASSIGN(const auto type, normalizer->getString("type"));
  if (type != "NFC")
    return unknownType(*normalizer, "normalizer", type);
  data.normalizeNfc = true;
  return {};
}

Status Reader::split(JsonValue step) {
  QOPT_ASSIGN(const auto patternObject, step.getObject("pattern"));
  QOPT_ASSIGN(const auto pattern, patternObject.getString("Regex"));
  const auto known = pretokenizerOfPattern(pattern);
  if (!known)
    return patternObject.error("unknown split pattern '", pattern,
                               "' (the patterns of GPT-2, Llama-3 and Qwen2 "
                               "are known)");
  QOPT_ASSIGN(const auto behavior, step.getString("behavior"));
  if (behavior != "Isolated")
    return unknownType(step, "split behavior", behavior);
  QOPT_CHECK(requireBool(step, "invert", false));
  data.pretokenizer = *known;
  return {};
}

Status Reader::byteLevelStep(JsonValue step, bool &usesRegex) {
  QOPT_ASSIGN(const auto type, step.getString("type"));
  if (type != "ByteLevel")
    return unknownType(step, "pre-tokenizer", type);
  QOPT_CHECK(requireBool(step, "add_prefix_space", false));
  QOPT_ASSIGN(usesRegex, step.getBool("use_regex", true));
  return {};
}

Status Reader::pretokenizer() {
  QOPT_ASSIGN(const auto component, root.getObject("pre_tokenizer"));
  QOPT_ASSIGN(const auto type, component.getString("type"));
  bool usesRegex = false;
  if (type != "Sequence") {
    QOPT_CHECK(byteLevelStep(component, usesRegex));
    if (!usesRegex)
      return component.error("'use_regex' = false without a split before it "
                             "is not supported");
    data.pretokenizer = Pretokenizer::Gpt2;
    return {};
  }
  QOPT_ASSIGN(const auto steps, component.getArray("pretokenizers"));
  if (steps.size() != 2)
    return steps.error("unknown sequence of ", steps.size(),
                       " pre-tokenizers; one Split and one ByteLevel are "
                       "expected");
  QOPT_ASSIGN(const auto first, steps[0].getString("type"));
  if (first != "Split")
    return unknownType(steps[0], "pre-tokenizer", first);
  QOPT_CHECK(split(steps[0]));
  QOPT_CHECK(byteLevelStep(steps[1], usesRegex));
  if (usesRegex)
    return steps[1].error("'use_regex' = true after a split is not supported");
  return {};
}

Result<TokenId> Reader::addToken(JsonValue place, std::string_view spelling,
                                 int64_t id, TokenType type) {
  if (id < 0 || std::size_t(id) >= idLimit)
    return place.error("token '", spelling, "' has id ", id,
                       ", which is negative or far beyond the number of "
                       "tokens");
  if (spelling.empty())
    return place.error("token ", id, " is empty");
  if (std::size_t(id) >= data.tokens.size()) {
    data.tokens.resize(id + 1);
    data.types.resize(id + 1, TokenType::Unused);
  }
  std::string &slot = data.tokens[id];
  if (!slot.empty() && slot != spelling)
    return place.error("tokens '", slot, "' and '", spelling, "' both have id ",
                       id);
  const auto [entry, isNew] = ids.emplace(spelling, id);
  if (!isNew && entry->second != id)
    return place.error("token '", spelling, "' has the ids ", entry->second,
                       " and ", id);
  slot = spelling;
  data.types[id] = type;
  return TokenId(id);
}

Status Reader::vocabulary(JsonValue vocab, std::size_t expectedTokens) {
  // Real vocabularies have few holes; a file cannot ask for memory out of
  // proportion to its size.
  idLimit = 2 * expectedTokens;
  for (std::size_t i = 0; i < vocab.size(); ++i) {
    QOPT_ASSIGN(const int64_t id, vocab[i].asInt());
    QOPT_CHECK(addToken(vocab[i], vocab.key(i), id, TokenType::Normal)
                   .map([](TokenId) {}));
  }
  return {};
}

Status Reader::merges(JsonValue list) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const JsonValue merge = list[i];
    if (!merge.isArray()) {
      QOPT_ASSIGN(const auto text, merge.asString());
      data.merges.emplace_back(text);
      continue;
    }
    if (merge.size() != 2)
      return merge.error("a merge of ", merge.size(), " tokens instead of 2");
    QOPT_ASSIGN(const auto left, merge[0].asString());
    QOPT_ASSIGN(const auto right, merge[1].asString());
    data.merges.push_back(str(left, ' ', right));
  }
  return {};
}

Status Reader::model() {
  QOPT_ASSIGN(const auto model, root.getObject("model"));
  // Files from before 2020 have no type; their model is told by its members.
  QOPT_ASSIGN(const auto type, model.getString("type", "BPE"));
  if (type != "BPE")
    return unknownType(model, "model type", type);
  for (const auto key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    QOPT_ASSIGN(const auto affix, model.getString(key, ""));
    if (!affix.empty())
      return model.error("'", key, "' = '", affix, "' is not supported");
  }
  QOPT_ASSIGN(const double dropout, model.getDouble("dropout", 0.0));
  if (dropout != 0)
    return model.error("'dropout' = ", dropout, " is not supported");
  QOPT_ASSIGN(data.fuseUnknown, model.getBool("fuse_unk", false));
  if (data.model == TokenizerModel::SentencePiece)
    QOPT_CHECK(requireBool(model, "ignore_merges", false));
  QOPT_ASSIGN(data.ignoreMerges, model.getBool("ignore_merges", false));

  QOPT_ASSIGN(const auto vocab, model.getObject("vocab"));
  const auto added = root.find("added_tokens");
  QOPT_CHECK(vocabulary(vocab, vocab.size() + (added ? added->size() : 0)));
  QOPT_ASSIGN(const auto mergeList, model.getArray("merges"));
  QOPT_CHECK(merges(mergeList));

  QOPT_ASSIGN(const auto unknown, model.getString("unk_token", ""));
  if (unknown.empty())
    return {};
  const auto found = ids.find(std::string(unknown));
  if (found == ids.end())
    return model.error("'unk_token' = '", unknown,
                       "' is not in the vocabulary");
  data.unknown = found->second;
  return {};
}

Status Reader::addedTokens() {
  if (!root.find("added_tokens"))
    return {};
  QOPT_ASSIGN(const auto list, root.getArray("added_tokens"));
  for (std::size_t i = 0; i < list.size(); ++i) {
    const JsonValue token = list[i];
    QOPT_ASSIGN(const auto spelling, token.getString("content"));
    QOPT_ASSIGN(const int64_t id, token.getInt("id"));
    QOPT_ASSIGN(const bool special, token.getBool("special", false));
    for (const auto key : {"single_word", "lstrip"})
      QOPT_CHECK(requireBool(token, key, false));
    QOPT_ASSIGN(const bool strips, token.getBool("rstrip", false));
    if (strips)
      data.stripsRight.push_back(TokenId(id));
    const auto type = special ? TokenType::Control : TokenType::UserDefined;
    QOPT_CHECK(addToken(token, spelling, id, type).map([](TokenId) {}));
  }
  return {};
}

Status Reader::templateProcessing(JsonValue processor) {
  QOPT_ASSIGN(const auto single, processor.getArray("single"));
  bool afterText = false;
  for (std::size_t i = 0; i < single.size(); ++i) {
    const auto token = single[i].find("SpecialToken");
    if (!token) {
      afterText = true;
      continue;
    }
    QOPT_ASSIGN(const auto name, token->getString("id"));
    QOPT_ASSIGN(const auto tokens, processor.getObject("special_tokens"));
    QOPT_ASSIGN(const auto entry, tokens.getObject(name));
    QOPT_ASSIGN(const auto list, entry.getArray("ids"));
    if (list.size() != 1)
      return list.error("a special token of ", list.size(),
                        " ids is not supported");
    QOPT_ASSIGN(const int64_t id, list[0].asInt());
    if (id < 0 || std::size_t(id) >= data.tokens.size())
      return list.error("id ", id, " is outside of the vocabulary of ",
                        data.tokens.size(), " tokens");
    (afterText ? data.eos : data.bos) = TokenId(id);
    (afterText ? data.addEos : data.addBos) = true;
  }
  return {};
}

Status Reader::postProcessor() {
  const auto component = root.find("post_processor");
  if (!component)
    return {};
  std::vector<JsonValue> processors = {*component};
  QOPT_ASSIGN(const auto outerType, component->getString("type"));
  if (outerType == "Sequence") {
    processors.clear();
    QOPT_ASSIGN(const auto list, component->getArray("processors"));
    for (std::size_t i = 0; i < list.size(); ++i)
      processors.push_back(list[i]);
  }
  for (const JsonValue processor : processors) {
    QOPT_ASSIGN(const auto type, processor.getString("type"));
    if (type == "TemplateProcessing")
      QOPT_CHECK(templateProcessing(processor));
    else if (type != "ByteLevel") // which only trims offsets
      return unknownType(processor, "post-processor", type);
  }
  return {};
}

Status Reader::decoder() {
  QOPT_ASSIGN(const auto component, root.getObject("decoder"));
  QOPT_ASSIGN(const auto type, component.getString("type"));
  if (type != "ByteLevel")
    return unknownType(component, "decoder", type);
  return {};
}

/// The types of tokens that a tokenizer.json does not tell apart.
void Reader::markPieces() {
  for (std::size_t id = 0; id < data.tokens.size(); ++id) {
    const std::string_view spelling = data.tokens[id];
    if (data.types[id] == TokenType::Normal && spelling.size() == 6 &&
        spelling.starts_with("<0x") && spelling.ends_with(">"))
      data.types[id] = TokenType::Byte;
  }
  if (data.unknown)
    data.types[*data.unknown] = TokenType::Unknown;
}

void Reader::fillHoles() {
  for (std::size_t id = 0; id < data.tokens.size(); ++id)
    if (data.tokens[id].empty())
      data.tokens[id] = unusedToken(id);
}

Result<TokenizerData> qopt::readTokenizerJson(const JsonDocument &document) {
  Reader reader(document.root());
  reader.data.source = document.file();
  QOPT_ASSIGN(const bool pieces, detail::isSentencePiece(document.root()));
  if (pieces) {
    QOPT_CHECK(detail::readSentencePiecePipeline(document.root(), reader.data));
  } else {
    QOPT_CHECK(reader.normalizer());
    QOPT_CHECK(reader.pretokenizer());
    QOPT_CHECK(reader.decoder());
  }
  QOPT_CHECK(reader.model());
  QOPT_CHECK(reader.addedTokens());
  QOPT_CHECK(reader.postProcessor());
  if (pieces)
    reader.markPieces();
  reader.fillHoles();
  return std::move(reader.data);
}
