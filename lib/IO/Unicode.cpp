//===- Unicode.cpp - UTF-8 and character classes --------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Unicode.h"

#include <algorithm>
#include <utf8proc.h>
#include <vector>

using namespace qopt;

namespace {
// Table 3-7 of the Unicode standard: what may follow a lead byte.
struct SequenceRule {
  std::uint32_t length; // 0: not a lead byte
  unsigned char secondMin, secondMax;
};
} // namespace

static SequenceRule ruleOf(unsigned char lead) {
  if (lead < 0x80)
    return {1, 0, 0};
  if (lead < 0xC2)
    return {0, 0, 0};
  if (lead < 0xE0)
    return {2, 0x80, 0xBF};
  if (lead < 0xF0)
    return {3, static_cast<unsigned char>(lead == 0xE0 ? 0xA0 : 0x80),
            static_cast<unsigned char>(lead == 0xED ? 0x9F : 0xBF)};
  if (lead < 0xF5)
    return {4, static_cast<unsigned char>(lead == 0xF0 ? 0x90 : 0x80),
            static_cast<unsigned char>(lead == 0xF4 ? 0x8F : 0xBF)};
  return {0, 0, 0};
}

// The number of leading bytes that agree with the rule of the first one.
static std::uint32_t agreeingBytes(std::string_view bytes, SequenceRule rule) {
  std::uint32_t count = 1;
  const std::size_t available =
      std::min<std::size_t>(bytes.size(), rule.length);
  for (; count < available; ++count) {
    const unsigned char byte = bytes[count];
    const unsigned char low = count == 1 ? rule.secondMin : 0x80;
    const unsigned char high = count == 1 ? rule.secondMax : 0xBF;
    if (byte < low || byte > high)
      break;
  }
  return count;
}

CodePoint qopt::decodeUtf8(std::string_view text, std::size_t position) {
  const unsigned char lead = text[position];
  if (lead < 0x80)
    return {lead, 1};
  const SequenceRule rule = ruleOf(lead);
  const std::string_view bytes = text.substr(position);
  if (rule.length == 0 || agreeingBytes(bytes, rule) < rule.length)
    return {CodePoint::invalid, 1};
  std::int32_t value = lead & (0x7F >> rule.length);
  for (std::uint32_t i = 1; i < rule.length; ++i)
    value = value << 6 | (bytes[i] & 0x3F);
  return {value, rule.length};
}

void qopt::appendUtf8(std::string &text, std::int32_t codePoint) {
  utf8proc_uint8_t buffer[4];
  const auto length = utf8proc_encode_char(codePoint, buffer);
  text.append(reinterpret_cast<const char *>(buffer), length);
}

bool qopt::isIncompleteUtf8(std::string_view bytes) {
  if (bytes.empty())
    return false;
  const SequenceRule rule = ruleOf(bytes[0]);
  return bytes.size() < rule.length &&
         agreeingBytes(bytes, rule) == bytes.size();
}

static bool isWhiteSpace(std::int32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

CharacterClass qopt::classify(std::int32_t c) {
  if (c < 0)
    return CharacterClass::Other;
  if (c < 0x80) {
    const std::int32_t lower = c | 0x20;
    if (lower >= 'a' && lower <= 'z')
      return CharacterClass::Letter;
    if (c >= '0' && c <= '9')
      return CharacterClass::Number;
    if (c == '\r' || c == '\n')
      return CharacterClass::Newline;
    return isWhiteSpace(c) ? CharacterClass::Space : CharacterClass::Other;
  }
  if (isWhiteSpace(c))
    return CharacterClass::Space;
  switch (utf8proc_category(c)) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
    return CharacterClass::Letter;
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_NO:
    return CharacterClass::Number;
  default:
    return CharacterClass::Other;
  }
}

// Canonical ordering: stable by combining class within each run of characters
// whose class is not 0. utf8proc_decompose swaps neighbours, which is quadratic
// in the length of a run. Here class, position and character are sorted as one
// integer.
static void orderMarks(std::vector<utf8proc_int32_t> &run) {
  constexpr int characterBits = 21, classShift = 56;
  std::vector<std::uint64_t> marks;
  auto finish = [&](std::size_t end) {
    std::sort(marks.begin(), marks.end());
    for (std::size_t i = 0; i < marks.size(); ++i)
      run[end - marks.size() + i] = marks[i] & ((1 << characterBits) - 1);
    marks.clear();
  };
  for (std::size_t i = 0; i < run.size(); ++i) {
    const std::uint64_t combiningClass =
        utf8proc_get_property(run[i])->combining_class;
    if (combiningClass == 0)
      finish(i);
    else
      marks.push_back(combiningClass << classShift | i << characterBits |
                      std::uint64_t(run[i]));
  }
  finish(run.size());
}

static void composeInto(std::string &out, std::vector<utf8proc_int32_t> &run) {
  orderMarks(run);
  const auto length = utf8proc_normalize_utf32(
      run.data(), run.size(),
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  for (utf8proc_ssize_t i = 0; i < length; ++i)
    appendUtf8(out, run[i]);
  run.clear();
}

static void decomposeInto(std::vector<utf8proc_int32_t> &run, std::int32_t c) {
  constexpr std::size_t longest = 32; // the longest canonical form has 4
  utf8proc_int32_t buffer[longest];
  int boundClass = UTF8PROC_BOUNDCLASS_START;
  const auto count = utf8proc_decompose_char(
      c, buffer, longest,
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE),
      &boundClass);
  run.insert(run.end(), buffer, buffer + count);
}

std::string qopt::normalizeNfc(std::string_view text) {
  // Everything below U+0300 is in form C already and begins with a byte below
  // 0xCC, which no continuation byte reaches either.
  if (std::all_of(text.begin(), text.end(),
                  [](unsigned char byte) { return byte < 0xCC; }))
    return std::string(text);
  std::string out;
  out.reserve(text.size());
  std::vector<utf8proc_int32_t> run;
  for (std::size_t position = 0; position < text.size();) {
    const CodePoint c = decodeUtf8(text, position);
    if (c.value == CodePoint::invalid) {
      composeInto(out, run);
      out.push_back(text[position]);
    } else {
      decomposeInto(run, c.value);
    }
    position += c.length;
  }
  composeInto(out, run);
  return out;
}
