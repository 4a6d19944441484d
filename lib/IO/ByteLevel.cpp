//===- ByteLevel.cpp - bytes as printable characters ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/ByteLevel.h"
#include "qopt/IO/Unicode.h"

#include <array>

using namespace qopt;

namespace {
constexpr int firstSubstitute = 0x100;
constexpr int substitutes = 68;

constexpr bool standsForItself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
         (byte >= 0xAE && byte <= 0xFF);
}

struct Alphabet {
  std::array<int, 256> character{};     // of each byte
  std::array<int, substitutes> bytes{}; // of each substitute
};

constexpr Alphabet makeAlphabet() {
  Alphabet alphabet;
  int next = 0;
  for (int byte = 0; byte < 256; ++byte) {
    alphabet.character[byte] = byte;
    if (!standsForItself(byte)) {
      alphabet.character[byte] = firstSubstitute + next;
      alphabet.bytes[next++] = byte;
    }
  }
  return alphabet;
}

constexpr Alphabet alphabet = makeAlphabet();
static_assert(alphabet.character[' '] == 0x120 &&
              alphabet.character[0xAD] == firstSubstitute + substitutes - 1);
} // namespace

std::string qopt::toByteLevel(std::string_view bytes) {
  std::string spelled;
  spelled.reserve(bytes.size() + bytes.size() / 2);
  for (const unsigned char byte : bytes)
    appendUtf8(spelled, alphabet.character[byte]);
  return spelled;
}

std::optional<std::string> qopt::fromByteLevel(std::string_view spelled) {
  std::string bytes;
  bytes.reserve(spelled.size());
  for (std::size_t position = 0; position < spelled.size();) {
    const CodePoint c = decodeUtf8(spelled, position);
    if (c.value >= 0 && c.value < firstSubstitute && standsForItself(c.value))
      bytes.push_back(static_cast<char>(c.value));
    else if (c.value >= firstSubstitute &&
             c.value < firstSubstitute + substitutes)
      bytes.push_back(
          static_cast<char>(alphabet.bytes[c.value - firstSubstitute]));
    else
      return std::nullopt;
    position += c.length;
  }
  return bytes;
}
