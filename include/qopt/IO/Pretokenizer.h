//===- Pretokenizer.h - cutting text into words -----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Byte-level BPE first cuts a text into pieces by a regular expression; merges
// never cross a piece. The expressions in use are few, and each is matched here
// by a scanner that gives exactly the matches of a backtracking engine in
// linear time and constant stack.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_PRETOKENIZER_H
#define QOPT_IO_PRETOKENIZER_H

#include <cstddef>
#include <optional>
#include <string_view>

namespace qopt {

enum class Pretokenizer {
  Gpt2,   // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|…
  Llama3, // (?i:'s|…)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|…
  Qwen2,  // as Llama3, but every digit is a piece of its own
};

/// The name that GGUF files use: "gpt-2", "llama-bpe", "qwen2".
std::string_view pretokenizerName(Pretokenizer pretokenizer);
std::optional<Pretokenizer> pretokenizerOfName(std::string_view name);

/// The pretokenizer whose expression is spelled exactly so.
std::optional<Pretokenizer> pretokenizerOfPattern(std::string_view pattern);

/// The end of the piece that begins at `begin`, which is the end of another
/// piece or the start of the text and lies inside the text. Every byte belongs
/// to exactly one piece. A byte outside of UTF-8 is treated as a character that
/// is neither letter, number nor space.
std::size_t endOfPiece(Pretokenizer pretokenizer, std::string_view text,
                       std::size_t begin);

} // namespace qopt

#endif // QOPT_IO_PRETOKENIZER_H
