//===- Nesting.cpp - modules that are nested too deeply to parse ---===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Nesting.h"

using namespace qopt;

static constexpr int kDeepest = 256;

namespace {

/// Reads the text as MLIR's lexer does, as far as brackets are concerned.
class NestingScanner {
public:
  explicit NestingScanner(std::string_view text) : text(text) {}

  /// The line where the nesting becomes too deep; 0 if it never does.
  int64_t tooDeepAt() {
    for (; position < text.size(); ++position) {
      char c = text[position];
      line += c == '\n';
      if (c == '"')
        skipString();
      else if (startsWith("//"))
        skipLine();
      else if (startsWith("->") || startsWith(">=") || startsWith("<="))
        ++position; // no brackets
      else
        count(c);
      if (round + square + curly > kDeepest || angle > kDeepest ||
          signs > kDeepest)
        return line;
    }
    return 0;
  }

private:
  bool startsWith(std::string_view word) const {
    return text.substr(position, word.size()) == word;
  }
  void skipString() {
    for (++position; position < text.size(); ++position) {
      if (text[position] == '\\')
        ++position;
      else if (text[position] == '"' || text[position] == '\n')
        break;
    }
    line += position < text.size() && text[position] == '\n';
  }
  void skipLine() {
    while (position + 1 < text.size() && text[position + 1] != '\n')
      ++position;
  }
  static void close(int &depth) { depth -= depth > 0; }
  void count(char c) {
    switch (c) {
    case '(':
      ++round;
      break;
    case ')':
      close(round);
      break;
    case '[':
      ++square;
      break;
    case ']':
      close(square);
      break;
    case '{':
      ++curly;
      break;
    case '}':
      close(curly);
      break;
    case '<':
      ++angle;
      break;
    case '>':
      close(angle);
      break;
    case '-': // the parser also calls itself for - - - d0
      ++signs;
      return;
    case ' ':
    case '\t':
    case '\r':
    case '\n':
      return;
    }
    signs = 0;
  }

  std::string_view text;
  size_t position = 0;
  int64_t line = 1;
  /// Kinds are counted apart, because `>` also stands outside of brackets.
  int round = 0, square = 0, curly = 0, angle = 0, signs = 0;
};

} // namespace

Status qopt::checkNesting(std::string_view text, std::string_view file) {
  if (text.starts_with("ML\xefR"))
    return {};
  if (int64_t line = NestingScanner(text).tooDeepAt())
    return badInput(file, ":", line, ": brackets are nested more than ",
                    kDeepest, " deep");
  return {};
}
