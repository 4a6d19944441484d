//===- BodyParser.cpp - scopes, registers and statements of an entry ------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Parser.h"

#include <cctype>
#include <charconv>
#include <utility>

using namespace ptx;

namespace {

/// The names that one pair of braces declares.
struct Scope {
  struct Range { ///< %r<10>
    uint64_t count;
    Type type;
  };
  std::map<std::string, Range, std::less<>> ranges;
  std::map<std::string, Register, std::less<>> registers;
};

class BodyParser {
public:
  BodyParser(TokenCursor &cursor, Module &module, Entry &entry)
      : cursor(cursor), module(module), entry(entry) {}

  void run() {
    block();
    resolveDynamicShared();
  }

private:
  void block() {
    cursor.expectPunctuation('{');
    scopes.emplace_back();
    while (!cursor.isPunctuation('}')) {
      if (cursor.isPunctuation('{'))
        block();
      else
        statement();
    }
    cursor.take();
    scopes.pop_back();
  }

  void statement() {
    if (cursor.takePunctuation(';'))
      return;
    if (cursor.isPunctuation('@')) {
      instruction();
      return;
    }
    const Token &word = cursor.peek();
    if (word.kind != Token::Kind::Word)
      cursor.fail("expected a statement");
    if (cursor.isPunctuation(':', 1)) {
      // Labels of a nested scope may repeat; LLVM and inline assembly with
      // %= do not do that.
      if (!entry.labels.emplace(word.text, entry.statements.size()).second)
        cursor.fail("label defined twice");
      cursor.take();
      cursor.take();
    } else if (word.text == ".reg") {
      registers();
    } else if (word.text == ".shared") {
      cursor.take();
      place(parseVariable(cursor, Space::Shared), entry.sharedBytes);
      cursor.expectPunctuation(';');
    } else if (word.text == ".local") {
      cursor.take();
      place(parseVariable(cursor, Space::Local), entry.localBytes);
      cursor.expectPunctuation(';');
    } else if (word.text == ".loc" || word.text == ".pragma" ||
               word.text == ".file") {
      cursor.skipLine(word.line);
    } else if (word.text.starts_with(".")) {
      cursor.fail("unsupported directive");
    } else {
      instruction();
    }
  }

  void place(Variable variable, uint64_t &size) {
    if (!variable.bytes) { // extern: placed behind everything else
      entry.variables[variable.name] = variable;
      return;
    }
    variable.address = (size + variable.alignment - 1) & -variable.alignment;
    size = variable.address + variable.bytes;
    entry.variables[variable.name] = variable;
  }

  void resolveDynamicShared() {
    for (auto &[name, variable] : entry.variables)
      if (variable.space == Space::Shared && !variable.bytes)
        entry.dynamicAlignment =
            std::max(entry.dynamicAlignment, variable.alignment);
    uint64_t start = (entry.sharedBytes + entry.dynamicAlignment - 1) &
                     -entry.dynamicAlignment;
    for (auto &[name, variable] : entry.variables)
      if (variable.space == Space::Shared && !variable.bytes)
        variable.address = start;
  }

  void registers() {
    cursor.take();
    Token typeWord = cursor.expectWord("a type");
    std::optional<Type> type = Type::parse(typeWord.text.substr(1));
    if (!type)
      throw Error(typeWord.line,
                  "unknown type '" + std::string(typeWord.text) + "'");
    do {
      std::string name(cursor.expectWord("a register").text);
      if (cursor.takePunctuation('<')) {
        uint64_t count = cursor.expectInteger("a count");
        cursor.expectPunctuation('>');
        scopes.back().ranges[name] = {count, *type};
      } else {
        scopes.back().registers[name] = add(name, *type);
      }
    } while (cursor.takePunctuation(','));
    cursor.expectPunctuation(';');
  }

  Register add(std::string_view name, Type type) {
    entry.registers.push_back(type);
    entry.registerNames.emplace_back(name);
    return Register(entry.registers.size() - 1);
  }

  /// The register of a name in the innermost scope that declares it, or -1.
  Register find(std::string_view name) {
    size_t digits = name.size();
    while (digits && std::isdigit(static_cast<unsigned char>(name[digits - 1])))
      --digits;
    for (size_t i = scopes.size(); i-- > 0;) {
      Scope &scope = scopes[i];
      if (auto found = scope.registers.find(name);
          found != scope.registers.end())
        return found->second;
      auto range = scope.ranges.find(name.substr(0, digits));
      uint64_t number = 0;
      if (range == scope.ranges.end() || digits == name.size() ||
          std::from_chars(name.data() + digits, name.data() + name.size(),
                          number)
                  .ec != std::errc() ||
          number >= range->second.count)
        continue;
      return scope.registers[std::string(name)] = add(name, range->second.type);
    }
    return -1;
  }

  void instruction() {
    Statement statement;
    if (cursor.takePunctuation('@')) {
      statement.guardNegated = cursor.takePunctuation('!');
      Token guard = cursor.expectWord("a predicate");
      statement.guard = find(guard.text);
      if (statement.guard < 0 ||
          entry.registers[statement.guard].kind != Type::Predicate)
        throw Error(guard.line, "'" + std::string(guard.text) +
                                    "' is not a declared predicate");
    }
    Token opcode = cursor.expectWord("an instruction");
    statement.line = opcode.line;
    statement.opcode = opcode.text;
    while (!cursor.takePunctuation(';')) {
      statement.operands.push_back(operand());
      if (!cursor.takePunctuation(',') && !cursor.takePunctuation('|') &&
          !cursor.isPunctuation(';'))
        cursor.fail("expected ',' or ';'");
    }
    entry.statements.push_back(std::move(statement));
  }

  Operand operand() {
    Operand result;
    if (cursor.takePunctuation('{')) {
      result.kind = Operand::Kind::Vector;
      do
        result.elements.push_back(operand());
      while (cursor.takePunctuation(','));
      cursor.expectPunctuation('}');
      return result;
    }
    if (cursor.takePunctuation('['))
      return address();
    if (cursor.takePunctuation('!')) {
      result = operand();
      result.negated = !result.negated;
      return result;
    }
    bool negative = cursor.takePunctuation('-');
    const Token &token = cursor.peek();
    if (token.kind == Token::Kind::Integer) {
      result.kind = Operand::Kind::Integer;
      result.value = cursor.take().value;
      if (negative)
        result.value = 0 - result.value;
    } else if (token.kind == Token::Kind::Float) {
      result.kind = Operand::Kind::Float;
      result.value = cursor.take().value ^ uint64_t(negative) << 63;
    } else if (token.kind == Token::Kind::Word && !negative) {
      named(result, cursor.take());
    } else {
      cursor.fail("expected an operand");
    }
    return result;
  }

  void named(Operand &result, const Token &word) {
    result.name = word.text;
    if (word.text == "_") {
      result.kind = Operand::Kind::Sink;
    } else if ((result.reg = find(word.text)) >= 0) {
      result.kind = Operand::Kind::Register;
    } else if (word.text.starts_with("%")) {
      result.kind = Operand::Kind::Special;
    } else {
      result.kind = Operand::Kind::Symbol;
      useShared(result.name);
      if (cursor.takePunctuation('+'))
        result.value = offset();
    }
  }

  /// A module's shared variable takes space in the entries that use it.
  void useShared(const std::string &name) {
    auto found = module.shared.find(name);
    if (found != module.shared.end() && !entry.variables.contains(name))
      place(found->second, entry.sharedBytes);
  }

  uint64_t offset() {
    bool negative = cursor.takePunctuation('-');
    uint64_t value = cursor.expectInteger("an offset");
    return negative ? 0 - value : value;
  }

  Operand address() {
    Operand result;
    result.kind = Operand::Kind::Address;
    result.elements.push_back(operand());
    // operand() has taken the offset of a symbol.
    result.value = result.elements[0].kind == Operand::Kind::Symbol
                       ? std::exchange(result.elements[0].value, 0)
                       : 0;
    if (cursor.takePunctuation('+'))
      result.value = offset();
    else if (cursor.isPunctuation('-'))
      result.value = offset();
    while (cursor.takePunctuation(','))
      result.elements.push_back(operand());
    cursor.expectPunctuation(']');
    return result;
  }

  TokenCursor &cursor;
  Module &module;
  Entry &entry;
  std::vector<Scope> scopes;
};

} // namespace

void ptx::parseBody(TokenCursor &cursor, Module &module, Entry &entry) {
  BodyParser(cursor, module, entry).run();
}
