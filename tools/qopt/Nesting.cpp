//===- Nesting.cpp - modules that are nested too deeply to parse ---------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Nesting.h"

#include "qopt/IO/MappedFile.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

using namespace qopt;

static constexpr int64_t kDeepest = 256;
static constexpr int64_t kMostOperators = 4096;
static constexpr int64_t kMostInBytecode = 2048;

namespace {

/// Reads the text as MLIR's lexer does, as far as nesting is concerned.
///
/// Three things nest: brackets; aliases, which name what was nested before them
/// (`!b = tuple<!a>`); and affine expressions, which the parser reads with a
/// call per operator.
class NestingScanner {
public:
  explicit NestingScanner(std::string_view text) : text(text) {}

  /// What is nested too deeply; nothing if the module can be parsed. line() is
  /// then the place.
  std::optional<std::string> scan() {
    while (position < text.size() && problem.empty())
      step();
    if (problem.empty())
      return std::nullopt;
    return problem;
  }
  int64_t line() const {
    return 1 + std::count(text.begin(), text.begin() + position, '\n');
  }

private:
  bool startsWith(std::string_view word) const {
    return text.substr(position, word.size()) == word;
  }
  static bool continuesName(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' ||
           c == '$' || c == '.' || c == '-';
  }
  int64_t nesting() const { return round + square + curly + angle; }
  bool insideBody() const { return bodyAngle > 0; }

  void step() {
    char c = text[position];
    if (std::isspace(static_cast<unsigned char>(c))) {
      ++position;
      return;
    }
    if (startsWith("//")) {
      // The parser finds the end of a dialect's attribute or type by its
      // brackets, counting those in comments, and only then skips comments.
      if (insideBody())
        problem = "a comment inside of a dialect's attribute or type";
      position = std::min(text.find('\n', position), text.size());
      return;
    }
    std::string_view name = std::exchange(pendingName, {});
    if (!name.empty() && !insideBody()) {
      if (c == '=')
        definition = name;
      else if (c == '<')
        bodyAngle = angle + 1;
    }
    if (c == '"') {
      skipString();
    } else if (c == '#' || c == '!') {
      readName();
    } else if (startsWith("->") ||
               (!insideBody() && (startsWith(">=") || startsWith("<=")))) {
      position += 2; // no brackets
    } else {
      ++position;
      countBracket(c);
      countOperator(c);
    }
  }

  void skipString() {
    for (++position; position < text.size(); ++position) {
      if (text[position] == '\\')
        ++position;
      else if (text[position] == '"' || text[position] == '\n')
        break;
    }
    position = std::min(position + 1, text.size());
  }

  /// `#name` or `!name`: a use of an alias, perhaps its definition, perhaps the
  /// beginning of a dialect's attribute or type.
  void readName() {
    size_t begin = position++;
    while (position < text.size() && continuesName(text[position]))
      ++position;
    pendingName = text.substr(begin, position - begin);
    auto known = aliasNesting.find(pendingName);
    if (known == aliasNesting.end())
      return;
    int64_t total = nesting() + known->second;
    if (total > kDeepest)
      problem = str("brackets and the aliases in them are nested more than ",
                    kDeepest, " deep");
    if (pendingName != definition)
      deepen(total + 1);
  }

  /// The alias being defined contains something nested this deeply.
  void deepen(int64_t depth) {
    if (definition.empty())
      return;
    int64_t &deepest = aliasNesting[definition];
    deepest = std::max(deepest, depth);
  }

  void countBracket(char c) {
    switch (c) {
    case '(':
      ++round;
      break;
    case ')':
      round -= round > 0;
      break;
    case '[':
      ++square;
      break;
    case ']':
      square -= square > 0;
      break;
    case '{':
      ++curly;
      break;
    case '}':
      curly -= curly > 0;
      break;
    case '<':
      ++angle;
      break;
    case '>':
      angle -= angle > 0;
      if (angle < bodyAngle)
        bodyAngle = 0;
      return;
    default:
      return;
    }
    // Angles are counted apart, because `>` also stands outside of brackets.
    if (round + square + curly > kDeepest || angle > kDeepest)
      problem = str("brackets are nested more than ", kDeepest, " deep");
    deepen(nesting() + 1);
  }

  /// Operators of one expression; everything that cannot be in one ends it.
  void countOperator(char c) {
    if (c == ',' || c == '=' || c == '{' || c == '}' || c == ':')
      operators = 0;
    bool word = c == 'm' || c == 'f' || c == 'c'; // mod, floordiv, ceildiv
    if (c == '+' || c == '-' || c == '*' ||
        (word && (wordAt("mod") || wordAt("floordiv") || wordAt("ceildiv"))))
      ++operators;
    if (operators > kMostOperators)
      problem =
          str("an expression has more than ", kMostOperators, " operators");
  }
  bool wordAt(std::string_view word) const { // position is behind its letter
    return text.substr(position - 1, word.size()) == word;
  }

  std::string_view text;
  size_t position = 0;
  std::string problem;
  int64_t round = 0, square = 0, curly = 0, angle = 0, operators = 0;
  /// The value of `angle` in the outermost dialect attribute or type; 0 if
  /// outside of all.
  int64_t bodyAngle = 0;
  std::string_view pendingName; // just read
  std::string_view definition;  // the alias defined last
  std::unordered_map<std::string_view, int64_t> aliasNesting;
};

} // namespace

/// Bytecode is read without recursion, but for the attributes and types that
/// stand in it as text, each ended by a NUL. Where in the file they are only
/// the reader knows, hence a bound on the brackets between any two NULs.
static Status checkBytecode(std::string_view bytes, std::string_view file) {
  int64_t brackets = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    char c = bytes[i];
    if (c == '\0')
      brackets = 0;
    brackets += c == '(' || c == '[' || c == '{' || c == '<';
    if (brackets > kMostInBytecode)
      return badInput(file, ": at byte ", i, ": an attribute or type has more ",
                      "than ", kMostInBytecode, " brackets; use the text form");
  }
  return {};
}

Status qopt::checkNesting(std::string_view text, std::string_view file) {
  if (text.starts_with("ML\xefR"))
    return checkBytecode(text, file);
  NestingScanner scanner(text);
  if (std::optional<std::string> problem = scanner.scan())
    return badInput(file, ":", scanner.line(), ": ", *problem);
  return {};
}

Status qopt::checkInputNesting(std::span<char *const> arguments) {
  for (size_t i = 1; i < arguments.size(); ++i) {
    std::string_view word = arguments[i];
    std::error_code failed;
    if (word == "-o")
      ++i;
    else if (!word.starts_with("-") &&
             std::filesystem::is_regular_file(word, failed)) {
      QOPT_ASSIGN(auto file, MappedFile::open(std::string(word)));
      ByteSpan bytes = file->bytes();
      QOPT_CHECK(checkNesting(
          {reinterpret_cast<const char *>(bytes.data()), bytes.size()}, word));
    }
  }
  return {};
}
