//===- Json.cpp - a small reader of JSON ----------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Json.h"

#include <charconv>
#include <unordered_set>

using namespace qopt::runtime;

const Json *Json::find(std::string_view key) const {
  for (const auto &[name, value] : members)
    if (name == key)
      return &value;
  return nullptr;
}

namespace {
class Parser {
public:
  Parser(std::string_view text, std::string &error)
      : text(text), error(error) {}

  bool document(Json &value) {
    if (!parseValue(value, 0))
      return false;
    skipBlanks();
    return at == text.size() || fail("text follows the value");
  }

private:
  static constexpr int deepest = 32;

  bool fail(const char *reason) {
    error = "byte " + std::to_string(at) + ": " + reason;
    return false;
  }
  void skipBlanks() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n' ||
                                text[at] == '\t' || text[at] == '\r'))
      ++at;
  }
  bool accept(char c) {
    skipBlanks();
    if (at == text.size() || text[at] != c)
      return false;
    ++at;
    return true;
  }
  bool acceptWord(std::string_view word) {
    if (text.substr(at, word.size()) != word)
      return false;
    at += word.size();
    return true;
  }

  bool parseValue(Json &value, int depth) {
    if (depth > deepest)
      return fail("nested too deeply");
    skipBlanks();
    if (at == text.size())
      return fail("the text ends early");
    switch (text[at]) {
    case '{':
      ++at;
      return parseObject(value, depth);
    case '[':
      ++at;
      return parseArray(value, depth);
    case '"':
      ++at;
      value.kind = Json::Kind::String;
      return parseString(value.text);
    case 'n':
      return acceptWord("null") || fail("not a value");
    case 't':
    case 'f':
      value.kind = Json::Kind::Bool;
      value.flag = text[at] == 't';
      return acceptWord(value.flag ? "true" : "false") || fail("not a value");
    default:
      return parseNumber(value);
    }
  }

  bool parseArray(Json &value, int depth) {
    value.kind = Json::Kind::Array;
    if (accept(']'))
      return true;
    do
      if (!parseValue(value.elements.emplace_back(), depth + 1))
        return false;
    while (accept(','));
    return accept(']') || fail("expected , or ]");
  }

  bool parseObject(Json &value, int depth) {
    value.kind = Json::Kind::Object;
    if (accept('}'))
      return true;
    std::unordered_set<std::string> keys;
    do {
      std::string key;
      if (!accept('"'))
        return fail("expected a key");
      if (!parseString(key))
        return false;
      if (!keys.insert(key).second)
        return fail("the key stands there already");
      if (!accept(':'))
        return fail("expected :");
      value.members.push_back({std::move(key), Json()});
      if (!parseValue(value.members.back().value, depth + 1))
        return false;
    } while (accept(','));
    return accept('}') || fail("expected , or }");
  }

  bool parseNumber(Json &value) {
    size_t end = at;
    while (end < text.size() &&
           (std::string_view("+-.eE").find(text[end]) != text.npos ||
            (text[end] >= '0' && text[end] <= '9')))
      ++end;
    const char *first = text.data() + at, *last = text.data() + end;
    value.kind = Json::Kind::Int;
    auto whole = std::from_chars(first, last, value.integer);
    value.number = double(value.integer);
    if (whole.ec != std::errc() || whole.ptr != last) {
      value.kind = Json::Kind::Double;
      auto any = std::from_chars(first, last, value.number);
      if (any.ec != std::errc() || any.ptr != last)
        return fail("not a value");
    }
    at = end;
    return true;
  }

  /// After the opening quote.
  bool parseString(std::string &result) {
    while (at < text.size() && text[at] != '"') {
      if (static_cast<unsigned char>(text[at]) < 0x20)
        return fail("a control character in a string");
      if (text[at] != '\\') {
        result += text[at++];
        continue;
      }
      if (++at == text.size())
        break;
      size_t which = std::string_view("\"\\/bfnrt").find(text[at]);
      if (text[at] == 'u') {
        if (!parseCodeUnit(result))
          return false;
      } else if (which != std::string_view::npos) {
        result += "\"\\/\b\f\n\r\t"[which];
        ++at;
      } else {
        return fail("an unknown escape");
      }
    }
    if (at == text.size())
      return fail("the string does not end");
    ++at;
    return true;
  }

  bool parseHex(uint32_t &unit) {
    ++at; // the u
    if (text.size() - at < 4)
      return fail("the string does not end");
    auto read =
        std::from_chars(text.data() + at, text.data() + at + 4, unit, 16);
    if (read.ec != std::errc() || read.ptr != text.data() + at + 4)
      return fail("not four hexadecimal digits");
    at += 4;
    return true;
  }

  /// At the u of an escape: one code point, as UTF-8.
  bool parseCodeUnit(std::string &result) {
    uint32_t point = 0, low = 0;
    if (!parseHex(point))
      return false;
    if (point >= 0xd800 && point < 0xe000) {
      if (point >= 0xdc00 || text.substr(at, 2) != "\\u")
        return fail("half of a surrogate pair");
      ++at;
      if (!parseHex(low))
        return false;
      if (low < 0xdc00 || low >= 0xe000)
        return fail("half of a surrogate pair");
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    int tail = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static constexpr uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    result += char(lead[tail] | point >> (6 * tail));
    while (tail-- > 0)
      result += char(0x80 | (point >> (6 * tail) & 0x3f));
    return true;
  }

  std::string_view text;
  std::string &error;
  size_t at = 0;
};
} // namespace

bool Json::parse(std::string_view text, Json &value, std::string &error) {
  value = Json();
  return Parser(text, error).document(value);
}
