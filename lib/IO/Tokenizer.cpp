//===- Tokenizer.cpp - text to token ids and back -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Tokenizer.h"
#include "qopt/IO/ByteLevel.h"
#include "qopt/IO/Unicode.h"

#include <algorithm>

using namespace qopt;

bool Tokenizer::isStop(TokenId id) const {
  return std::find(content.stop.begin(), content.stop.end(), id) !=
         content.stop.end();
}

std::optional<TokenId> Tokenizer::find(std::string_view spelling) const {
  const auto found = idOf.find(spelling);
  if (found == idOf.end())
    return std::nullopt;
  return found->second;
}

std::string_view Tokenizer::bytesOf(TokenId id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= bytes.size())
    return {};
  return bytes[id];
}

std::string Tokenizer::decode(std::span<const TokenId> ids,
                              DecodeOptions options) const {
  std::string text;
  for (const TokenId id : ids) {
    const std::string_view spelled = bytesOf(id);
    if (spelled.empty() ||
        (options.skipControl && typeOf(id) == TokenType::Control))
      continue;
    text += spelled;
  }
  const bool prefixed = content.spacePrefix != SpacePrefix::Never;
  if (prefixed && text.starts_with(' '))
    text.erase(0, 1);
  return text;
}

void Tokenizer::encodePiece(std::string_view piece,
                            std::vector<TokenId> &ids) const {
  if (content.ignoreMerges) {
    const auto whole = find(toByteLevel(piece));
    if (whole && typeOf(*whole) == TokenType::Normal) {
      ids.push_back(*whole);
      return;
    }
  }
  std::vector<TokenId> word;
  word.reserve(piece.size());
  bool afterUnknown = false;
  for (const unsigned char byte : piece) {
    const TokenId token = byteToken[byte];
    if (token != noToken)
      word.push_back(token);
    else if (content.unknown && !(afterUnknown && content.fuseUnknown))
      word.push_back(*content.unknown);
    afterUnknown = token == noToken;
  }
  encoder->merge(word);
  ids.insert(ids.end(), word.begin(), word.end());
}

void Tokenizer::encodeOrdinary(std::string_view text,
                               std::vector<TokenId> &ids) const {
  std::string normalized;
  if (content.normalizeNfc)
    text = normalized = qopt::normalizeNfc(text);

  // Words repeat: where in `ids` each was encoded first.
  struct Occurrence {
    std::size_t first, count;
  };
  std::unordered_map<std::string_view, Occurrence> seen;
  constexpr std::size_t longestRemembered = 32; // longer pieces seldom repeat
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = endOfPiece(content.pretokenizer, text, begin);
    const std::string_view piece = text.substr(begin, end - begin);
    begin = end;
    if (piece.size() > longestRemembered) {
      encodePiece(piece, ids);
      continue;
    }
    const auto [entry, isNew] = seen.try_emplace(piece);
    Occurrence &word = entry->second;
    if (isNew) {
      word.first = ids.size();
      encodePiece(piece, ids);
      word.count = ids.size() - word.first;
    } else {
      for (std::size_t i = 0; i < word.count; ++i)
        ids.push_back(TokenId(ids[word.first + i]));
    }
  }
}

std::vector<TokenId> Tokenizer::encode(std::string_view text,
                                       EncodeOptions options) const {
  std::vector<TokenId> ids;
  if (options.prependBos && content.addBos && content.bos)
    ids.push_back(*content.bos);
  bool first = true;
  auto encodeText = [&](std::string_view part) {
    if (content.model == TokenizerModel::SentencePiece)
      encodeSentence(part, first, ids);
    else
      encodeOrdinary(part, ids);
    first = false;
  };
  if (!options.parseSpecial) {
    encodeText(text);
    return ids;
  }
  for (std::size_t begin = 0; begin < text.size();) {
    const TokenMatcher::Match match = special.next(text, begin);
    encodeText(text.substr(begin, match.begin - begin));
    begin = match.end;
    if (match.begin == match.end)
      continue;
    ids.push_back(match.token);
    if (std::find(content.stripsRight.begin(), content.stripsRight.end(),
                  match.token) != content.stripsRight.end())
      begin = std::min(text.find_first_not_of(" \t\r\n", begin), text.size());
  }
  return ids;
}
