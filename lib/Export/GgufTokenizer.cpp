//===- GgufTokenizer.cpp - a tokenizer as GGUF metadata -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GgufModel.h"

#include <unordered_map>

using namespace qopt;

/// Scores that join in the order of the merges: the less, the later the first
/// merge that gives a token.
static std::vector<float> scoresOf(const TokenizerData &tokenizer) {
  if (!tokenizer.scores.empty())
    return tokenizer.scores;
  std::unordered_map<std::string, float> firstMerge;
  for (size_t rank = 0; rank < tokenizer.merges.size(); ++rank) {
    std::string text = tokenizer.merges[rank];
    text.erase(text.find(' '), 1);
    firstMerge.emplace(std::move(text), -float(rank));
  }
  std::vector<float> scores;
  for (const std::string &token : tokenizer.tokens) {
    auto found = firstMerge.find(token);
    scores.push_back(found == firstMerge.end() ? 0 : found->second);
  }
  return scores;
}

Status qopt::detail::writeTokenizerKeys(const TokenizerData &tokenizer,
                                        int64_t vocabularySize,
                                        GgufMetadata &metadata) {
  if (int64_t(tokenizer.tokens.size()) > vocabularySize)
    return badInput(tokenizer.source, ": ", tokenizer.tokens.size(),
                    " tokens, but the model embeds only ", vocabularySize);
  std::vector<std::string> tokens = tokenizer.tokens;
  std::vector<int32_t> types;
  types.reserve(vocabularySize);
  for (TokenType type : tokenizer.types)
    types.push_back(int32_t(type));
  while (int64_t(tokens.size()) < vocabularySize) {
    tokens.push_back(unusedToken(TokenId(tokens.size())));
    types.push_back(int32_t(TokenType::Unused));
  }
  bool pieces = tokenizer.model == TokenizerModel::SentencePiece;
  metadata.setString("tokenizer.ggml.model",
                     pieces ? "llama" : "gpt2"); // any byte-level BPE
  metadata.setString("tokenizer.ggml.pre",
                     pieces ? "default"
                            : pretokenizerName(tokenizer.pretokenizer));
  metadata.setStrings("tokenizer.ggml.tokens", std::move(tokens));
  metadata.setI32s("tokenizer.ggml.token_type", types);
  if (pieces) {
    std::vector<float> scores = scoresOf(tokenizer);
    scores.resize(vocabularySize, 0);
    metadata.setF32s("tokenizer.ggml.scores", scores);
    metadata.setBool("tokenizer.ggml.add_space_prefix",
                     tokenizer.spacePrefix != SpacePrefix::Never);
  } else {
    metadata.setStrings("tokenizer.ggml.merges", tokenizer.merges);
  }
  auto special = [&](const char *key, std::optional<TokenId> id) {
    if (id)
      metadata.setU32(key, uint32_t(*id));
  };
  special("tokenizer.ggml.bos_token_id", tokenizer.bos);
  special("tokenizer.ggml.eos_token_id", tokenizer.eos);
  // Of several tokens that end a text, the first besides eos ends a turn.
  for (TokenId id : tokenizer.stop)
    if (id != tokenizer.eos) {
      special("tokenizer.ggml.eot_token_id", id);
      break;
    }
  special("tokenizer.ggml.padding_token_id", tokenizer.pad);
  special("tokenizer.ggml.unknown_token_id", tokenizer.unknown);
  metadata.setBool("tokenizer.ggml.add_bos_token", tokenizer.addBos);
  metadata.setBool("tokenizer.ggml.add_eos_token", tokenizer.addEos);
  if (!tokenizer.chatTemplate.empty())
    metadata.setString("tokenizer.chat_template", tokenizer.chatTemplate);
  return {};
}
