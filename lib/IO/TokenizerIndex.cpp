//===- TokenizerIndex.cpp - validating and indexing a vocabulary ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/ByteLevel.h"
#include "qopt/IO/Tokenizer.h"

#include <charconv>
#include <limits>
#include <unordered_set>

using namespace qopt;

std::string qopt::unusedToken(TokenId id) { return str("[PAD", id, "]"); }

Result<Tokenizer> Tokenizer::create(TokenizerData data) {
  Tokenizer tokenizer(std::move(data));
  QOPT_CHECK(tokenizer.indexTokens());
  QOPT_CHECK(tokenizer.checkSpecialIds());
  QOPT_CHECK(tokenizer.content.scores.empty() ? tokenizer.indexMerges()
                                              : tokenizer.indexScores());
  return tokenizer;
}

static constexpr std::string_view blank = "\u2581";

// The byte of a spelling like <0x0A>.
static std::optional<unsigned char> byteOf(std::string_view spelling) {
  unsigned value = 0;
  if (spelling.size() != 6 || !spelling.starts_with("<0x") ||
      spelling.back() != '>')
    return std::nullopt;
  const auto [end, error] = std::from_chars(
      spelling.data() + 3, spelling.data() + 5, value, /*base=*/16);
  if (error != std::errc() || end != spelling.data() + 5)
    return std::nullopt;
  return static_cast<unsigned char>(value);
}

// How a token of SentencePiece stands for bytes.
static std::string decodePiece(const std::string &spelling, TokenType type) {
  if (type == TokenType::Byte)
    if (const auto byte = byteOf(spelling))
      return std::string(1, char(*byte));
  if (type == TokenType::Unused || type == TokenType::Control)
    return type == TokenType::Control ? spelling : std::string();
  std::string text;
  for (std::size_t at = 0; at < spelling.size();) {
    const bool isBlank = spelling.compare(at, blank.size(), blank) == 0;
    text += isBlank ? ' ' : spelling[at];
    at += isBlank ? blank.size() : 1;
  }
  return text;
}

// Whether a blank follows another character in a spelling.
static bool reachesAcross(std::string_view spelling) {
  while (spelling.starts_with(blank))
    spelling.remove_prefix(blank.size());
  return spelling.find(blank) != spelling.npos;
}

// How a token's spelling stands for bytes.
static std::string decodeSpelling(const std::string &spelling, TokenType type) {
  switch (type) {
  case TokenType::Unused:
    return {};
  case TokenType::Normal:
    // A spelling outside of the alphabet can be met in the output of a model
    // only; it is printed as it stands.
    if (auto bytes = fromByteLevel(spelling))
      return *bytes;
    return spelling;
  default:
    return spelling;
  }
}

Status Tokenizer::indexTokens() {
  const auto &tokens = content.tokens;
  if (tokens.empty())
    return badInput(content.source, ": the vocabulary is empty");
  if (tokens.size() > std::size_t(std::numeric_limits<TokenId>::max()))
    return badInput(content.source, ": ", tokens.size(),
                    " tokens are more than ids can number");
  if (content.types.empty())
    content.types.assign(tokens.size(), TokenType::Normal);
  if (content.types.size() != tokens.size())
    return badInput(content.source, ": ", tokens.size(), " tokens, but ",
                    content.types.size(), " token types");

  byteToken.fill(noToken);
  idOf.reserve(tokens.size());
  bytes.reserve(tokens.size());
  const bool pieces = content.model == TokenizerModel::SentencePiece;
  std::vector<TokenMatcher::Spelling> spellings, defined;
  for (TokenId id = 0; id < TokenId(tokens.size()); ++id) {
    const std::string &spelling = tokens[id];
    const TokenType type = content.types[id];
    if (type < TokenType::Normal || type > TokenType::Byte)
      return badInput(content.source, ": token ", id, " has the unknown type ",
                      std::int32_t(type));
    if (spelling.empty())
      return badInput(content.source, ": token ", id, " is empty");
    if (const auto [other, isNew] = idOf.emplace(spelling, id); !isNew)
      return badInput(content.source, ": tokens ", other->second, " and ", id,
                      " are both '", spelling, "'");
    bytes.push_back(pieces ? decodePiece(spelling, type)
                           : decodeSpelling(spelling, type));
    const bool isByte =
        pieces ? type == TokenType::Byte
               : type == TokenType::Normal && fromByteLevel(spelling);
    if (isByte && bytes[id].size() == 1)
      byteToken[static_cast<unsigned char>(bytes[id][0])] = id;
    if (pieces && type == TokenType::UserDefined)
      defined.emplace_back(spelling, id);
    if (pieces && type == TokenType::Normal && reachesAcross(spelling))
      wordsAreSeparate = false;
    if (type == TokenType::Control || type == TokenType::UserDefined)
      spellings.emplace_back(spelling, id);
  }
  special = TokenMatcher(std::move(spellings));
  userDefined = TokenMatcher(std::move(defined));
  return {};
}

Status Tokenizer::checkSpecialIds() {
  auto check = [&](std::string_view name, std::optional<TokenId> id) -> Status {
    if (id && (*id < 0 || std::size_t(*id) >= size()))
      return badInput(content.source, ": the ", name, " token has id ", *id,
                      ", but the vocabulary ends at ", size() - 1);
    return {};
  };
  QOPT_CHECK(check("beginning-of-sequence", content.bos));
  QOPT_CHECK(check("end-of-sequence", content.eos));
  QOPT_CHECK(check("padding", content.pad));
  QOPT_CHECK(check("unknown", content.unknown));
  if (content.eos && !isStop(*content.eos))
    content.stop.insert(content.stop.begin(), *content.eos);
  for (const TokenId id : content.stop)
    QOPT_CHECK(check("stop", id));
  if (content.addBos && !content.bos)
    return badInput(content.source,
                    ": a beginning-of-sequence token is to be added, but none "
                    "is defined");
  return {};
}

Status Tokenizer::indexMerges() {
  std::vector<MergeRule> rules;
  rules.reserve(content.merges.size());
  std::unordered_set<std::uint64_t> pairs;
  pairs.reserve(content.merges.size());
  for (std::size_t rank = 0; rank < content.merges.size(); ++rank) {
    const std::string_view merge = content.merges[rank];
    auto refuse = [&](const auto &...reason) {
      return badInput(content.source, ": merge ", rank, " '", merge, "' ",
                      reason...);
    };
    const std::size_t space = merge.find(' ');
    if (space == 0 || space == merge.npos || space + 1 == merge.size() ||
        merge.find(' ', space + 1) != merge.npos)
      return refuse("is not two tokens with one space between them");
    const std::string left(merge.substr(0, space));
    const std::string right(merge.substr(space + 1));
    MergeRule rule;
    for (const auto &[spelling, id] : {std::pair{left, &rule.left},
                                {right, &rule.right},
                                {left + right, &rule.result}}) {
      const auto found = find(spelling);
      if (!found)
        return refuse("needs the token '", spelling,
                      "', which is not in the vocabulary");
      *id = *found;
    }
    if (!pairs.insert(std::uint64_t(rule.left) << 32 | rule.right).second)
      return refuse("appears twice");
    rules.push_back(rule);
  }
  encoder.emplace(size(), rules);
  return {};
}
