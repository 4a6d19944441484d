//===- Pretokenizer.cpp - cutting text into words -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The alternatives of an expression are tried in its order. A run of white
// space is scanned at most three times (once up to its last newline, once up to
// its last character, once for that character), everything else once, so the
// time is linear in the text.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Pretokenizer.h"
#include "qopt/IO/Unicode.h"

using namespace qopt;

static constexpr std::string_view gpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
static constexpr std::string_view llama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
static constexpr std::string_view qwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::string_view qopt::pretokenizerName(Pretokenizer pretokenizer) {
  switch (pretokenizer) {
  case Pretokenizer::Gpt2:
    return "gpt-2";
  case Pretokenizer::Llama3:
    return "llama-bpe";
  case Pretokenizer::Qwen2:
    break;
  }
  return "qwen2";
}

std::optional<Pretokenizer> qopt::pretokenizerOfName(std::string_view name) {
  for (auto candidate :
       {Pretokenizer::Gpt2, Pretokenizer::Llama3, Pretokenizer::Qwen2})
    if (name == pretokenizerName(candidate))
      return candidate;
  return std::nullopt;
}

std::optional<Pretokenizer>
qopt::pretokenizerOfPattern(std::string_view pattern) {
  if (pattern == gpt2Pattern)
    return Pretokenizer::Gpt2;
  if (pattern == llama3Pattern)
    return Pretokenizer::Llama3;
  if (pattern == qwen2Pattern)
    return Pretokenizer::Qwen2;
  return std::nullopt;
}

namespace {
class Scanner {
public:
  explicit Scanner(std::string_view text) : text(text) {}

  std::size_t gpt2(std::size_t begin) const;
  std::size_t llama3(std::size_t begin, unsigned digits) const;

private:
  struct Character {
    std::optional<CharacterClass> kind; // none at the end of the text
    std::size_t end;
  };

  Character at(std::size_t position) const {
    if (position >= text.size())
      return {std::nullopt, position};
    const CodePoint c = decodeUtf8(text, position);
    return {classify(c.value), position + c.length};
  }

  // Skips at most `limit` characters of one class.
  std::size_t skip(CharacterClass kind, std::size_t position,
                   std::size_t limit = ~std::size_t(0)) const {
    for (; limit > 0; --limit) {
      const Character c = at(position);
      if (c.kind != kind)
        break;
      position = c.end;
    }
    return position;
  }

  std::size_t contraction(std::size_t begin, bool anyCase) const;
  std::size_t whiteSpace(std::size_t begin, bool cutAtNewline) const;

  std::string_view text;
};
} // namespace

// 's|'t|'re|'ve|'m|'ll|'d; `begin` if none of them is here.
std::size_t Scanner::contraction(std::size_t begin, bool anyCase) const {
  if (text[begin] != '\'')
    return begin;
  auto lower = [&](std::size_t position) -> char {
    if (position >= text.size())
      return 0;
    const char c = text[position];
    return anyCase && c >= 'A' && c <= 'Z' ? c | 0x20 : c;
  };
  const char first = lower(begin + 1);
  if (first == 's' || first == 't' || first == 'm' || first == 'd')
    return begin + 2;
  const char second = lower(begin + 2);
  if ((second == 'e' && (first == 'r' || first == 'v')) ||
      (first == 'l' && second == 'l'))
    return begin + 3;
  // Unicode case folding makes (?i:'s) match U+017F, the long s, too.
  constexpr std::string_view longS = "\u017F";
  if (anyCase && text.substr(begin + 1, longS.size()) == longS)
    return begin + 1 + longS.size();
  return begin;
}

// \s*[\r\n]+ (only if `cutAtNewline`), \s+(?!\S), \s+ in this order, at a white
// space character. The first takes the run up to its last newline; the second
// all of a run that ends the text, else all but the last character; the third
// is left with runs of one character.
std::size_t Scanner::whiteSpace(std::size_t begin, bool cutAtNewline) const {
  std::size_t end = begin, lastCharacter = begin, afterNewline = begin;
  for (;;) {
    const Character c = at(end);
    if (c.kind != CharacterClass::Space && c.kind != CharacterClass::Newline)
      break;
    lastCharacter = end;
    end = c.end;
    if (c.kind == CharacterClass::Newline)
      afterNewline = end;
  }
  if (cutAtNewline && afterNewline != begin)
    return afterNewline;
  if (end == text.size() || lastCharacter == begin)
    return end;
  return lastCharacter;
}

std::size_t Scanner::gpt2(std::size_t begin) const {
  if (const std::size_t end = contraction(begin, false); end != begin)
    return end;
  const Character first = at(text[begin] == ' ' ? begin + 1 : begin);
  if (first.kind == CharacterClass::Letter ||
      first.kind == CharacterClass::Number ||
      first.kind == CharacterClass::Other)
    return skip(*first.kind, first.end);
  return whiteSpace(begin, false);
}

std::size_t Scanner::llama3(std::size_t begin, unsigned digits) const {
  if (const std::size_t end = contraction(begin, true); end != begin)
    return end;
  const Character first = at(begin);
  if (first.kind == CharacterClass::Letter)
    return skip(CharacterClass::Letter, first.end);
  if (first.kind == CharacterClass::Number)
    return skip(CharacterClass::Number, first.end, digits - 1);
  const Character second = at(first.end);
  if (first.kind != CharacterClass::Newline &&
      second.kind == CharacterClass::Letter)
    return skip(CharacterClass::Letter, second.end);
  if (first.kind == CharacterClass::Other ||
      (text[begin] == ' ' && second.kind == CharacterClass::Other))
    return skip(CharacterClass::Newline,
                skip(CharacterClass::Other, first.end));
  return whiteSpace(begin, true);
}

std::size_t qopt::endOfPiece(Pretokenizer pretokenizer, std::string_view text,
                             std::size_t begin) {
  const Scanner scanner(text);
  switch (pretokenizer) {
  case Pretokenizer::Gpt2:
    return scanner.gpt2(begin);
  case Pretokenizer::Llama3:
    return scanner.llama3(begin, 3);
  case Pretokenizer::Qwen2:
    break;
  }
  return scanner.llama3(begin, 1);
}
