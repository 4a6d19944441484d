//===- Parser.h - statements and declarations of PTX -----------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_PARSER_H
#define PTX_EMU_PARSER_H

#include "Lexer.h"
#include "Module.h"

namespace ptx {

/// A cursor over tokens with the errors that all of the grammar shares.
class TokenCursor {
public:
  explicit TokenCursor(std::vector<Token> tokens) : tokens(std::move(tokens)) {}

  const Token &peek(size_t ahead = 0) const {
    return tokens[std::min(place + ahead, tokens.size() - 1)];
  }
  Token take();
  bool isPunctuation(char c, size_t ahead = 0) const;
  bool takePunctuation(char c);
  void expectPunctuation(char c);
  bool takeWord(std::string_view word);
  Token expectWord(const char *what);
  uint64_t expectInteger(const char *what);
  /// Drops the rest of a line, for directives that end there.
  void skipLine(int line);
  /// Drops from an opening brace to its closing one.
  void skipBlock();
  [[noreturn]] void fail(const std::string &message) const;

private:
  std::vector<Token> tokens;
  size_t place = 0;
};

/// Type, alignment, name and size of one `.shared .align 4 .b8 a[16];` from
/// behind its state space; without the semicolon.
Variable parseVariable(TokenCursor &cursor, Space space);

/// The body of an entry from its opening brace to its closing one.
void parseBody(TokenCursor &cursor, Module &module, Entry &entry);

} // namespace ptx

#endif // PTX_EMU_PARSER_H
