//===- Parser.cpp - modules, entries and variables of PTX -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Parser.h"

#include <bit>
#include <cmath>
#include <cstring>

using namespace ptx;

Token TokenCursor::take() {
  Token token = peek();
  if (place + 1 < tokens.size())
    ++place;
  return token;
}

void TokenCursor::fail(const std::string &message) const {
  const Token &token = peek();
  throw Error(token.line,
              message + (token.kind == Token::Kind::End
                             ? ", found the end of the file"
                             : ", found '" + std::string(token.text) + "'"));
}

bool TokenCursor::isPunctuation(char c, size_t ahead) const {
  const Token &token = peek(ahead);
  return token.kind == Token::Kind::Punctuation && token.text[0] == c;
}

bool TokenCursor::takePunctuation(char c) {
  if (!isPunctuation(c))
    return false;
  take();
  return true;
}

void TokenCursor::expectPunctuation(char c) {
  if (!takePunctuation(c))
    fail(std::string("expected '") + c + "'");
}

bool TokenCursor::takeWord(std::string_view word) {
  if (peek().kind != Token::Kind::Word || peek().text != word)
    return false;
  take();
  return true;
}

Token TokenCursor::expectWord(const char *what) {
  if (peek().kind != Token::Kind::Word)
    fail(std::string("expected ") + what);
  return take();
}

uint64_t TokenCursor::expectInteger(const char *what) {
  if (peek().kind != Token::Kind::Integer)
    fail(std::string("expected ") + what);
  return take().value;
}

void TokenCursor::skipLine(int line) {
  while (peek().kind != Token::Kind::End && peek().line == line)
    take();
}

void TokenCursor::skipBlock() {
  expectPunctuation('{');
  for (int depth = 1; depth; take()) {
    if (peek().kind == Token::Kind::End)
      fail("expected '}'");
    depth += isPunctuation('{') - isPunctuation('}');
  }
}

/// One scalar of an initializer, little-endian.
static void parseScalar(TokenCursor &cursor, Type type,
                        std::vector<uint8_t> &bytes) {
  bool negative = cursor.takePunctuation('-');
  Token token = cursor.take();
  uint64_t value = token.value;
  if (token.kind == Token::Kind::Float) {
    double number = std::bit_cast<double>(value) * (negative ? -1 : 1);
    value = type.bits == 32 ? std::bit_cast<uint32_t>(float(number))
                            : std::bit_cast<uint64_t>(number);
  } else if (token.kind != Token::Kind::Integer) {
    throw Error(token.line, "expected a number in an initializer");
  } else if (negative) {
    value = 0 - value;
  }
  for (unsigned byte = 0; byte < type.bytes(); ++byte)
    bytes.push_back(uint8_t(value >> 8 * byte));
}

Variable ptx::parseVariable(TokenCursor &cursor, Space space) {
  Variable variable;
  variable.space = space;
  uint64_t alignment = 0, lanes = 1;
  bool isPointee = false; // behind .ptr
  std::optional<Type> type;
  while (cursor.peek().kind == Token::Kind::Word &&
         cursor.peek().text.starts_with(".")) {
    std::string_view word = cursor.take().text.substr(1);
    if (word == "align") {
      uint64_t value = cursor.expectInteger("an alignment");
      alignment = isPointee ? alignment : value;
    } else if (word == "ptr") {
      isPointee = true;
    } else if (word == "v2" || word == "v4") {
      lanes = word[1] - '0';
    } else if (word == "global" || word == "shared" || word == "const" ||
               word == "local" || word == "attribute") {
      continue; // what a parameter points to
    } else if (!(type = Type::parse(word))) {
      cursor.fail("unknown type '." + std::string(word) + "'");
    }
  }
  if (!type)
    cursor.fail("expected a type");
  variable.name = cursor.expectWord("a variable's name").text;
  variable.bytes = lanes * type->bytes();
  variable.alignment = std::max<uint64_t>(variable.bytes, 1);
  while (cursor.takePunctuation('[')) {
    uint64_t count =
        cursor.isPunctuation(']') ? 0 : cursor.expectInteger("a size");
    if (count > uint64_t(1) << 32 || variable.bytes > uint64_t(1) << 32)
      cursor.fail("array too large");
    variable.bytes *= count;
    cursor.expectPunctuation(']');
  }
  if (alignment)
    variable.alignment = alignment;
  if (!std::has_single_bit(variable.alignment))
    cursor.fail("alignment is not a power of two");
  if (cursor.takePunctuation('=')) {
    if (cursor.takePunctuation('{')) {
      do
        parseScalar(cursor, *type, variable.initial);
      while (cursor.takePunctuation(','));
      cursor.expectPunctuation('}');
    } else {
      parseScalar(cursor, *type, variable.initial);
    }
    if (variable.initial.size() > variable.bytes)
      cursor.fail("initializer larger than its variable");
  }
  return variable;
}

namespace {

class ModuleParser {
public:
  explicit ModuleParser(std::string_view text) : cursor(tokenize(text)) {
    for (size_t begin = 0; begin <= text.size();) {
      size_t end = std::min(text.find('\n', begin), text.size());
      module.lines.emplace_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }

  Module run() {
    while (cursor.peek().kind != Token::Kind::End)
      directive();
    if (!module.version)
      throw Error(1, "no .version: this is not PTX");
    return std::move(module);
  }

private:
  void directive() {
    Token token = cursor.expectWord("a directive");
    std::string_view word = token.text;
    if (word == ".version") {
      Token number = cursor.take();
      if (number.kind != Token::Kind::Float)
        throw Error(token.line, "expected a version");
      module.version = std::lround(10 * std::bit_cast<double>(number.value));
      if (module.version < 70)
        throw Error(token.line, "PTX older than 7.0");
    } else if (word == ".target") {
      module.target = cursor.expectWord("a target").text;
      cursor.skipLine(token.line);
    } else if (word == ".address_size") {
      if (cursor.expectInteger("an address size") != 64)
        throw Error(token.line, "only 64-bit addresses are supported");
    } else if (word == ".visible" || word == ".weak" || word == ".extern" ||
               word == ".common" || word == ".alias") {
      return; // linkage of what follows
    } else if (word == ".file" || word == ".loc" || word == ".pragma") {
      cursor.skipLine(token.line);
    } else if (word == ".section") {
      while (!cursor.isPunctuation('{') &&
             cursor.peek().kind != Token::Kind::End)
        cursor.take();
      cursor.skipBlock();
    } else if (word == ".func") {
      function();
    } else if (word == ".entry") {
      entry();
    } else if (word == ".shared") {
      variables(Space::Shared);
    } else if (word == ".global") {
      variables(Space::Global);
    } else if (word == ".const") {
      variables(Space::Constant);
    } else {
      throw Error(token.line, "unknown directive '" + std::string(word) + "'");
    }
  }

  /// Functions are dropped; a call of one is an unsupported instruction.
  void function() {
    while (!cursor.isPunctuation('{') && !cursor.isPunctuation(';')) {
      if (cursor.peek().kind == Token::Kind::End)
        cursor.fail("expected a function's body");
      cursor.take();
    }
    if (!cursor.takePunctuation(';'))
      cursor.skipBlock();
  }

  void variables(Space space) {
    Variable variable = parseVariable(cursor, space);
    cursor.expectPunctuation(';');
    if (space == Space::Shared) {
      module.shared[variable.name] = variable;
      return;
    }
    // Regions of 2^36 bytes from 2^47 on; buffers lie below (Memory.h).
    variable.address = (uint64_t(0x800) + module.globals.size()) << 36;
    module.globals[variable.name] = variable;
  }

  void entry() {
    Entry entry;
    Token name = cursor.expectWord("an entry's name");
    entry.name = name.text;
    entry.line = name.line;
    if (cursor.takePunctuation('(')) {
      uint64_t offset = 0;
      while (!cursor.takePunctuation(')')) {
        if (!cursor.takeWord(".param"))
          cursor.fail("expected .param");
        Variable parameter = parseVariable(cursor, Space::Param);
        offset = (offset + parameter.alignment - 1) & -parameter.alignment;
        parameter.address = offset;
        offset += parameter.bytes;
        entry.parameters.push_back(parameter);
        if (!cursor.takePunctuation(',') && !cursor.isPunctuation(')'))
          cursor.fail("expected ',' or ')'");
      }
    }
    while (!cursor.isPunctuation('{'))
      tuning(entry);
    parseBody(cursor, module, entry);
    if (!module.entries.emplace(entry.name, entry).second)
      throw Error(name.line, "second entry of this name");
  }

  void tuning(Entry &entry) {
    Token word = cursor.expectWord("an entry's body");
    std::vector<unsigned> numbers;
    if (cursor.peek().kind == Token::Kind::Integer)
      do
        numbers.push_back(unsigned(cursor.expectInteger("a number")));
      while (cursor.takePunctuation(','));
    if (word.text == ".reqntid") {
      for (size_t i = 0; i < 3; ++i)
        entry.requiredBlock[i] = i < numbers.size() ? numbers[i] : 1;
    } else if (word.text == ".maxntid") {
      entry.maximumThreads = 1;
      for (unsigned number : numbers)
        entry.maximumThreads *= number;
    } else if (word.text == ".reqnctapercluster") {
      entry.requiredCluster = 1;
      for (unsigned number : numbers)
        entry.requiredCluster *= number;
    } else if (word.text == ".pragma") {
      cursor.take();
      cursor.takePunctuation(';');
    } else if (word.text != ".minnctapersm" && word.text != ".maxnreg" &&
               word.text != ".noreturn" && word.text != ".maxnctapersm" &&
               word.text != ".blocksareclusters" &&
               !(word.text.ends_with("nctapercluster") ||
                 word.text == ".explicitcluster")) {
      throw Error(word.line,
                  "unknown directive '" + std::string(word.text) + "'");
    }
  }

  TokenCursor cursor;
  Module module;
};

} // namespace

std::string_view Module::line(int number) const {
  if (number < 1 || size_t(number) > lines.size())
    return {};
  std::string_view text = lines[number - 1];
  size_t first = text.find_first_not_of(" \t");
  return first == text.npos ? std::string_view() : text.substr(first);
}

Module ptx::parse(std::string_view text) { return ModuleParser(text).run(); }
