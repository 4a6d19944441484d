//===- ByteLevel.h - bytes as printable characters --------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Vocabularies of byte-level BPE spell each byte as one character (Radford et
// al. 2019): printable Latin-1 characters stand for themselves, the other 68
// bytes for U+0100 … U+0143 in order. A space is Ġ, a newline Ċ.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_BYTELEVEL_H
#define QOPT_IO_BYTELEVEL_H

#include <optional>
#include <string>
#include <string_view>

namespace qopt {

/// Spells bytes in the alphabet: " a" becomes "Ġa".
std::string toByteLevel(std::string_view bytes);

/// The bytes that a string in the alphabet spells; none if the string holds a
/// character outside of the alphabet or is not UTF-8.
std::optional<std::string> fromByteLevel(std::string_view spelled);

} // namespace qopt

#endif // QOPT_IO_BYTELEVEL_H
