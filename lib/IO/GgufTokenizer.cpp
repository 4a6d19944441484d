//===- GgufTokenizer.cpp - the tokenizer in a GGUF file -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/GgufTokenizer.h"
#include "qopt/IO/Bytes.h"

#include <algorithm>
#include <cmath>

using namespace qopt;

namespace {
class Reader {
public:
  Reader(const GgufMetadata &metadata, const std::string &file)
      : metadata(metadata) {
    data.source = file;
  }

  Status model();
  Status vocabulary();
  Status specialTokens();

  TokenizerData data;

private:
  template <typename... Parts>
  tl::unexpected<Error> error(std::string_view key, const Parts &...parts) {
    return badInput(data.source, ": key ", quote(key), ": ", parts...);
  }
  Result<std::optional<TokenId>> tokenId(std::string_view key);

  const GgufMetadata &metadata;
};
} // namespace

Status Reader::model() {
  constexpr std::string_view modelKey = "tokenizer.ggml.model",
                             preKey = "tokenizer.ggml.pre";
  QOPT_ASSIGN(const auto model, metadata.getString(modelKey));
  if (model == "llama") {
    data.model = TokenizerModel::SentencePiece;
    QOPT_ASSIGN(const bool prefix,
                metadata.getBool("tokenizer.ggml.add_space_prefix", true));
    data.spacePrefix = prefix ? SpacePrefix::Always : SpacePrefix::Never;
    return {};
  }
  if (model != "gpt2")
    return error(modelKey, quote(model),
                 " is not supported; \"gpt2\", byte-level BPE, and \"llama\", "
                 "SentencePiece, are");
  QOPT_ASSIGN(const auto pre, metadata.getString(preKey));
  const auto pretokenizer = pretokenizerOfName(pre);
  if (!pretokenizer)
    return error(preKey, quote(pre), " is not supported; supported are ",
                 pretokenizerName(Pretokenizer::Gpt2), ", ",
                 pretokenizerName(Pretokenizer::Llama3), ", ",
                 pretokenizerName(Pretokenizer::Qwen2));
  data.pretokenizer = *pretokenizer;
  data.ignoreMerges = pretokenizer == Pretokenizer::Llama3;
  data.normalizeNfc = pretokenizer == Pretokenizer::Qwen2;
  return {};
}

Status Reader::vocabulary() {
  QOPT_ASSIGN(const auto *tokens, metadata.getStrings("tokenizer.ggml.tokens"));
  data.tokens = *tokens;
  if (data.model == TokenizerModel::SentencePiece) {
    constexpr std::string_view scoresKey = "tokenizer.ggml.scores";
    QOPT_ASSIGN(const auto scores, metadata.getFloats(scoresKey));
    for (const double score : scores) {
      if (!std::isfinite(score))
        return error(scoresKey, "a score is not a finite number");
      data.scores.push_back(float(score));
    }
  } else {
    QOPT_ASSIGN(const auto *merges,
                metadata.getStrings("tokenizer.ggml.merges"));
    data.merges = *merges;
  }

  constexpr std::string_view typesKey = "tokenizer.ggml.token_type";
  if (!metadata.contains(typesKey))
    return {};
  QOPT_ASSIGN(const auto types, metadata.getInts(typesKey));
  for (std::size_t id = 0; id < types.size(); ++id) {
    if (types[id] < int64_t(TokenType::Normal) ||
        types[id] > int64_t(TokenType::Byte))
      return error(typesKey, "token ", id, " has the unknown type ", types[id]);
    data.types.push_back(TokenType(types[id]));
  }
  return {};
}

Result<std::optional<TokenId>> Reader::tokenId(std::string_view key) {
  if (!metadata.contains(key))
    return std::nullopt;
  QOPT_ASSIGN(const uint64_t id, metadata.getUnsigned(key));
  if (id >= data.tokens.size())
    return error(key, "token ", id, " is not in the vocabulary of ",
                 data.tokens.size());
  return TokenId(id);
}

Status Reader::specialTokens() {
  for (auto [key, id] : {std::pair{"tokenizer.ggml.bos_token_id", &data.bos},
                         {"tokenizer.ggml.eos_token_id", &data.eos},
                         {"tokenizer.ggml.padding_token_id", &data.pad},
                         {"tokenizer.ggml.unknown_token_id", &data.unknown}}) {
    QOPT_ASSIGN(*id, tokenId(key));
  }
  if (data.eos)
    data.stop.push_back(*data.eos);
  QOPT_ASSIGN(const auto endOfTurn, tokenId("tokenizer.ggml.eot_token_id"));
  if (endOfTurn && endOfTurn != data.eos)
    data.stop.push_back(*endOfTurn);

  const bool prepends =
      data.bos && (data.pretokenizer == Pretokenizer::Llama3 ||
                   data.model == TokenizerModel::SentencePiece);
  QOPT_ASSIGN(data.addBos,
              metadata.getBool("tokenizer.ggml.add_bos_token", prepends));
  QOPT_ASSIGN(data.addEos,
              metadata.getBool("tokenizer.ggml.add_eos_token", false));
  QOPT_ASSIGN(const auto chat,
              metadata.getString("tokenizer.chat_template", ""));
  data.chatTemplate = chat;
  return {};
}

Result<TokenizerData> qopt::readGgufTokenizer(const GgufMetadata &metadata,
                                              const std::string &file) {
  Reader reader(metadata, file);
  QOPT_CHECK(reader.model());
  QOPT_CHECK(reader.vocabulary());
  QOPT_CHECK(reader.specialTokens());
  return std::move(reader.data);
}
