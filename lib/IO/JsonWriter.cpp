//===- JsonWriter.cpp - writing JSON --------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Bytes.h"
#include "qopt/IO/Json.h"

#include <charconv>
#include <cmath>

using namespace qopt;

std::string qopt::jsonQuote(std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  std::string result = "\"";
  for (size_t i = 0; i < text.size();) {
    uint8_t first = text[i];
    if (first == '"' || first == '\\') {
      result += {'\\', char(first)};
      ++i;
    } else if (first == '\n') {
      result += "\\n";
      ++i;
    } else if (first == '\t') {
      result += "\\t";
      ++i;
    } else if (first < 0x20) {
      result += {'\\', 'u', '0', '0', digits[first >> 4], digits[first & 15]};
      ++i;
    } else if (size_t length = utf8SequenceLength(text.substr(i))) {
      result += text.substr(i, length);
      i += length;
    } else {
      result += "\uFFFD";
      ++i;
    }
  }
  return result += '"';
}

void JsonWriter::newLine() {
  if (indent == 0)
    return;
  output += '\n';
  output.append(indent * empty.size(), ' ');
}

/// What stands between the previous value and the next.
void JsonWriter::separate() {
  if (afterKey) {
    afterKey = false;
    return;
  }
  if (empty.empty())
    return;
  if (!empty.back())
    output += ',';
  empty.back() = false;
  newLine();
}

JsonWriter &JsonWriter::raw(std::string_view text) {
  separate();
  output += text;
  return *this;
}

JsonWriter &JsonWriter::open(char bracket) {
  raw({&bracket, 1});
  empty.push_back(true);
  return *this;
}

JsonWriter &JsonWriter::close(char bracket) {
  bool nothing = empty.back();
  empty.pop_back();
  if (!nothing)
    newLine();
  output += bracket;
  return *this;
}

JsonWriter &JsonWriter::beginObject() { return open('{'); }
JsonWriter &JsonWriter::endObject() { return close('}'); }
JsonWriter &JsonWriter::beginArray() { return open('['); }
JsonWriter &JsonWriter::endArray() { return close(']'); }

JsonWriter &JsonWriter::key(std::string_view name) {
  raw(jsonQuote(name));
  output += indent == 0 ? ":" : ": ";
  afterKey = true;
  return *this;
}

JsonWriter &JsonWriter::value(std::string_view text) {
  return raw(jsonQuote(text));
}
JsonWriter &JsonWriter::value(bool flag) {
  return raw(flag ? "true" : "false");
}
JsonWriter &JsonWriter::null() { return raw("null"); }

JsonWriter &JsonWriter::value(double number) {
  if (!std::isfinite(number))
    return null();
  char buffer[32];
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), number).ptr;
  std::string text(buffer, end);
  if (text.find_first_of(".e") == text.npos)
    text += ".0";
  return raw(text);
}
