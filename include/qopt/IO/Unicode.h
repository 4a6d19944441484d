//===- Unicode.h - UTF-8 and character classes ------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// What tokenizers need of Unicode. Text is a sequence of bytes that should be
// UTF-8; a byte that is not part of a well-formed sequence counts as one
// character of its own, of no class, so that every input can be processed.
// The tables are those of the installed utf8proc; characters that are newer
// than it belong to class Other and have no compositions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_UNICODE_H
#define QOPT_IO_UNICODE_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace qopt {

/// One character of a text and the number of bytes that it takes.
struct CodePoint {
  static constexpr std::int32_t invalid = -1;
  std::int32_t value; // `invalid` for a byte outside of well-formed UTF-8
  std::uint32_t length;
};

/// Reads the character at `position`, which must be inside the text. Overlong
/// forms, surrogates and values above U+10FFFF are not well-formed.
CodePoint decodeUtf8(std::string_view text, std::size_t position);

/// Appends the UTF-8 form of a valid code point.
void appendUtf8(std::string &text, std::int32_t codePoint);

/// What the end of a text lacks to be whole: true if `bytes` (1 to 3 of them)
/// begin a well-formed sequence and more bytes could complete it.
bool isIncompleteUtf8(std::string_view bytes);

enum class CharacterClass : std::uint8_t {
  Letter,  // \p{L}
  Number,  // \p{N}
  Newline, // \r and \n, which are also \s
  Space,   // any other \s (the White_Space property)
  Other,   // everything else, bytes outside of UTF-8 included
};

CharacterClass classify(std::int32_t codePoint);

/// Normalization form C, in linear time but for sorting runs of combining
/// marks (O(n log n)). Bytes outside of UTF-8 stay as they are and separate
/// what is left and right of them.
std::string normalizeNfc(std::string_view text);

} // namespace qopt

#endif // QOPT_IO_UNICODE_H
