//===- Lexer.h - PTX text to tokens ----------------------------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_LEXER_H
#define PTX_EMU_LEXER_H

#include <cstdint>
#include <string_view>
#include <vector>

namespace ptx {

struct Token {
  enum class Kind : uint8_t {
    Word, ///< opcode with its modifiers, register, symbol, .directive
    Integer,
    Float,
    String,
    Punctuation, ///< one character
    End
  };
  Kind kind = Kind::End;
  std::string_view text;
  uint64_t value = 0; ///< an integer, or the bits of an f64
  int line = 0;
};

/// Comments and white space are dropped; the last token is End.
std::vector<Token> tokenize(std::string_view text);

} // namespace ptx

#endif // PTX_EMU_LEXER_H
