//===- FrontMatter.cpp - what a model card says in front ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/FrontMatter.h"
#include "qopt/IO/Bytes.h"

#include <optional>

using namespace qopt;

static constexpr std::string_view kBlanks = " \t\r";

static std::string_view trimmed(std::string_view text) {
  size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos)
    return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// Takes a line off the front.
static std::string_view takeLine(std::string_view &text) {
  size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  if (line.ends_with('\r'))
    line.remove_suffix(1);
  return line;
}

/// What stands between the quotes that `text` starts with; the rest is a
/// comment. Nothing if there is no end.
static std::optional<std::string> unquoted(std::string_view text) {
  std::string result;
  const char quote = text[0];
  for (size_t i = 1; i < text.size(); ++i) {
    bool another = i + 1 < text.size();
    if (quote == '"' && text[i] == '\\' && another) {
      ++i;
      result += text[i] == 'n' ? '\n' : text[i] == 't' ? '\t' : text[i];
    } else if (text[i] != quote) {
      result += text[i];
    } else if (quote == '\'' && another && text[i + 1] == quote) {
      result += text[++i];
    } else {
      return result;
    }
  }
  return std::nullopt;
}

/// A string or number; nothing for null, other YAML and ill-formed UTF-8.
static std::optional<std::string> scalar(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('"') || text.starts_with('\'')) {
    std::optional<std::string> result = unquoted(text);
    return result && !result->empty() && isUtf8(*result) ? result
                                                         : std::nullopt;
  }
  text = trimmed(text.substr(0, text.find(" #")));
  constexpr std::string_view indicators = "[]{}&*!|>%@`#-?:,";
  bool plain = !text.empty() && text != "null" && text != "~" &&
               text.find(": ") == text.npos && !text.ends_with(':');
  if (!plain || (indicators.find(text[0]) != text.npos &&
                 (text[0] != '-' || text.starts_with("- "))))
    return std::nullopt;
  return isUtf8(text) ? std::optional(std::string(text)) : std::nullopt;
}

/// `[a, "b, c"]`, on one line.
static std::vector<std::string> flowList(std::string_view text) {
  std::vector<std::string> values;
  char quote = 0;
  for (size_t first = 1, i = 1; i < text.size(); ++i) {
    if (quote) {
      quote = text[i] == quote ? 0 : quote;
    } else if (text[i] == '"' || text[i] == '\'') {
      quote = text[i];
    } else if (text[i] == ',' || text[i] == ']') {
      if (auto value = scalar(text.substr(first, i - first)))
        values.push_back(std::move(*value));
      first = i + 1;
      if (text[i] == ']')
        break;
    }
  }
  return values;
}

/// Where the key of a line ends, of one that starts a member; 0 for others.
static size_t keyLength(std::string_view line) {
  if (line.empty() || line[0] == '-' || line[0] == '#' ||
      kBlanks.find(line[0]) != kBlanks.npos)
    return 0;
  size_t colon = line.find(':');
  bool key = colon != line.npos &&
             (colon + 1 == line.size() || line[colon + 1] == ' ');
  return key ? colon : 0;
}

std::map<std::string, std::vector<std::string>>
qopt::readFrontMatter(std::string_view text) {
  std::map<std::string, std::vector<std::string>> result;
  if (text.starts_with("\xef\xbb\xbf"))
    text.remove_prefix(3);
  if (takeLine(text) != "---")
    return result;
  std::vector<std::string> *list = nullptr; // that `- item` lines belong to
  while (!text.empty()) {
    std::string_view line = takeLine(text);
    if (line == "---") {
      std::erase_if(result, [](auto &entry) { return entry.second.empty(); });
      return result;
    }
    if (size_t length = keyLength(line)) {
      std::string_view value = trimmed(line.substr(length + 1));
      list = &result[std::string(line.substr(0, length))];
      list->clear(); // the last of several, as YAML readers do
      if (value.empty() || value[0] == '#')
        continue;
      if (value[0] == '[')
        *list = flowList(value);
      else if (auto one = scalar(value))
        *list = {std::move(*one)};
      list = nullptr;
      continue;
    }
    std::string_view item = trimmed(line);
    if (list && item.starts_with("- ")) {
      if (auto value = scalar(item.substr(2)))
        list->push_back(std::move(*value));
    } else if (!item.empty() && item[0] != '#') {
      list = nullptr; // a map, or text that goes on
    }
  }
  return {}; // no end: the text only starts with a line
}
