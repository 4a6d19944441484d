//===- SentencePieceEncoder.cpp - BPE over characters ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// As in SentencePiece (Kudo and Richardson 2018): blanks become U+2581, which
// is an ordinary character of the vocabulary; neighbours whose texts together
// are a token are joined, the one with the greatest score first and of equals
// the leftmost. Tokens that the user defined are cut out before, the longest
// first, and never joined. A character without a token becomes the tokens of
// its bytes.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Tokenizer.h"
#include "qopt/IO/Unicode.h"

#include <algorithm>

using namespace qopt;

static constexpr std::string_view blank = "\u2581";

bool Tokenizer::prefixes(bool first) const {
  return content.spacePrefix == SpacePrefix::Always ||
         (content.spacePrefix == SpacePrefix::First && first);
}

/// Every pair of tokens that together are a token is a rule.
Status Tokenizer::indexScores() {
  if (content.scores.size() != content.tokens.size())
    return badInput(content.source, ": ", content.tokens.size(),
                    " tokens, but ", content.scores.size(), " scores");
  std::vector<TokenId> byScore;
  for (TokenId id = 0; id < TokenId(size()); ++id)
    if (typeOf(id) == TokenType::Normal)
      byScore.push_back(id);
  std::stable_sort(byScore.begin(), byScore.end(), [&](TokenId a, TokenId b) {
    return content.scores[a] > content.scores[b];
  });
  std::vector<MergeRule> rules;
  std::vector<std::uint32_t> ranks;
  std::uint32_t rank = 0;
  for (std::size_t i = 0; i < byScore.size(); ++i) {
    const TokenId id = byScore[i];
    if (i > 0 && content.scores[id] != content.scores[byScore[i - 1]])
      ++rank;
    const std::string_view text = content.tokens[id];
    for (std::size_t cut = decodeUtf8(text, 0).length; cut < text.size();
         cut += decodeUtf8(text, cut).length) {
      const auto left = find(text.substr(0, cut)),
                 right = find(text.substr(cut));
      if (!left || !right || typeOf(*left) != TokenType::Normal ||
          typeOf(*right) != TokenType::Normal)
        continue;
      rules.push_back({*left, *right, id});
      ranks.push_back(rank);
    }
  }
  encoder.emplace(size(), rules, ranks);
  return {};
}

/// The end of a run of blanks and what follows up to the next, or all of the
/// text if tokens reach across.
std::size_t Tokenizer::endOfWord(std::string_view run,
                                 std::size_t begin) const {
  if (!wordsAreSeparate)
    return run.size();
  std::size_t end = begin;
  while (run.substr(end).starts_with(blank))
    end += blank.size();
  return std::min(run.find(blank, end), run.size());
}

void Tokenizer::encodeWord(std::string_view word,
                           std::vector<TokenId> &ids) const {
  std::vector<TokenId> symbols;
  bool afterUnknown = false;
  for (std::size_t at = 0; at < word.size();) {
    const std::string_view character =
        word.substr(at, decodeUtf8(word, at).length);
    at += character.size();
    const auto token = find(character);
    const bool known = token && typeOf(*token) == TokenType::Normal;
    if (known) {
      symbols.push_back(*token);
    } else {
      const bool spelled =
          std::ranges::all_of(character, [&](unsigned char byte) {
            return byteToken[byte] != noToken;
          });
      if (spelled)
        for (const unsigned char byte : character)
          symbols.push_back(byteToken[byte]);
      else if (content.unknown && !(afterUnknown && content.fuseUnknown))
        symbols.push_back(*content.unknown);
      afterUnknown = !spelled;
      continue;
    }
    afterUnknown = false;
  }
  encoder->merge(symbols);
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

void Tokenizer::encodeRun(std::string_view run,
                          std::vector<TokenId> &ids) const {
  // Words repeat: where in `ids` each was encoded first.
  struct Occurrence {
    std::size_t first, count;
  };
  std::unordered_map<std::string_view, Occurrence> seen;
  for (std::size_t begin = 0; begin < run.size();) {
    const std::size_t end = endOfWord(run, begin);
    const std::string_view word = run.substr(begin, end - begin);
    begin = end;
    const auto [entry, isNew] = seen.try_emplace(word);
    Occurrence &known = entry->second;
    if (isNew) {
      known.first = ids.size();
      encodeWord(word, ids);
      known.count = ids.size() - known.first;
    } else {
      for (std::size_t i = 0; i < known.count; ++i)
        ids.push_back(TokenId(ids[known.first + i]));
    }
  }
}

void Tokenizer::encodeSentence(std::string_view text, bool first,
                               std::vector<TokenId> &ids) const {
  if (text.empty())
    return;
  std::string escaped;
  if (prefixes(first))
    escaped += blank;
  for (const char c : text)
    if (c == ' ')
      escaped += blank;
    else
      escaped += c;
  const std::string_view whole = escaped;
  for (std::size_t begin = 0; begin < whole.size();) {
    const TokenMatcher::Match match = userDefined.next(whole, begin);
    encodeRun(whole.substr(begin, match.begin - begin), ids);
    if (match.begin != match.end)
      ids.push_back(match.token);
    begin = match.end;
  }
}
