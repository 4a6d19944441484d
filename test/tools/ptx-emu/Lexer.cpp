//===- Lexer.cpp - PTX text to tokens -------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Lexer.h"

#include "Module.h"

#include <bit>
#include <cctype>
#include <charconv>

using namespace ptx;

namespace {

class Lexer {
public:
  explicit Lexer(std::string_view text) : text(text) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    do
      tokens.push_back(next());
    while (tokens.back().kind != Token::Kind::End);
    return tokens;
  }

private:
  char at(size_t offset) const {
    return place + offset < text.size() ? text[place + offset] : '\0';
  }

  void skipBlanks() {
    while (place < text.size()) {
      if (at(0) == '/' && at(1) == '/') {
        while (place < text.size() && at(0) != '\n')
          ++place;
      } else if (at(0) == '/' && at(1) == '*') {
        size_t end = text.find("*/", place + 2);
        if (end == text.npos)
          throw Error(line, "comment without an end");
        for (; place < end + 2; ++place)
          line += text[place] == '\n';
      } else if (std::isspace(static_cast<unsigned char>(at(0)))) {
        line += at(0) == '\n';
        ++place;
      } else {
        return;
      }
    }
  }

  static bool isWord(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' ||
           c == '$' || c == '.' || c == '%' || c == ':';
  }

  Token take(Token::Kind kind, size_t length) {
    Token token{kind, text.substr(place, length), 0, line};
    place += length;
    return token;
  }

  Token next() {
    skipBlanks();
    if (place >= text.size())
      return take(Token::Kind::End, 0);
    if (std::isdigit(static_cast<unsigned char>(at(0))))
      return number();
    if (at(0) == '"') {
      size_t end = text.find('"', place + 1);
      if (end == text.npos)
        throw Error(line, "string without an end");
      Token token = take(Token::Kind::String, end + 1 - place);
      return token;
    }
    if (!isWord(at(0)) || at(0) == ':')
      return take(Token::Kind::Punctuation, 1);
    // A label's colon is a token of its own, "shared::cta" is one word.
    size_t length = 0;
    while (isWord(at(length))) {
      if (at(length) == ':') {
        if (at(length + 1) != ':')
          break;
        ++length;
      }
      ++length;
    }
    return take(Token::Kind::Word, length);
  }

  Token number() {
    size_t length = 0;
    if (at(0) == '0' && (at(1) == 'f' || at(1) == 'F'))
      return hexFloat(8);
    if (at(0) == '0' && (at(1) == 'd' || at(1) == 'D'))
      return hexFloat(16);
    int base = 10;
    if (at(0) == '0' && (at(1) == 'x' || at(1) == 'X'))
      base = 16, length = 2;
    else if (at(0) == '0' && (at(1) == 'b' || at(1) == 'B'))
      base = 2, length = 2;
    else if (at(0) == '0' && std::isdigit(static_cast<unsigned char>(at(1))))
      base = 8, length = 1;
    size_t first = length;
    while (std::isxdigit(static_cast<unsigned char>(at(length))) &&
           (base == 16 || std::isdigit(static_cast<unsigned char>(at(length)))))
      ++length;
    if (base == 10 && (at(length) == '.' || at(length) == 'e'))
      return decimalFloat();
    uint64_t value = 0;
    auto [end, error] = std::from_chars(
        text.data() + place + first, text.data() + place + length, value, base);
    if (error != std::errc() || end != text.data() + place + length)
      throw Error(line, "integer that cannot be read");
    if (at(length) == 'U')
      ++length;
    Token token = take(Token::Kind::Integer, length);
    token.value = value;
    return token;
  }

  Token hexFloat(size_t digits) {
    uint64_t value = 0;
    const char *first = text.data() + place + 2;
    if (place + 2 + digits > text.size() ||
        std::from_chars(first, first + digits, value, 16).ptr != first + digits)
      throw Error(line, "float that cannot be read");
    if (digits == 8)
      value = std::bit_cast<uint64_t>(
          double(std::bit_cast<float>(uint32_t(value))));
    Token token = take(Token::Kind::Float, 2 + digits);
    token.value = value;
    return token;
  }

  Token decimalFloat() {
    double value = 0;
    auto [end, error] =
        std::from_chars(text.data() + place, text.data() + text.size(), value);
    if (error != std::errc())
      throw Error(line, "float that cannot be read");
    Token token = take(Token::Kind::Float, end - (text.data() + place));
    token.value = std::bit_cast<uint64_t>(value);
    return token;
  }

  std::string_view text;
  size_t place = 0;
  int line = 1;
};

} // namespace

std::vector<Token> ptx::tokenize(std::string_view text) {
  return Lexer(text).run();
}
