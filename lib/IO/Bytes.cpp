//===- Bytes.cpp - a bounded little-endian cursor -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Bytes.h"

using namespace qopt;

std::optional<uint64_t> qopt::checkedTensorBytes(std::span<const int64_t> shape,
                                                 int64_t elementBytes) {
  std::optional<uint64_t> bytes = elementBytes;
  for (int64_t extent : shape) {
    if (extent <= 0)
      return std::nullopt;
    bytes = checkedMultiply(*bytes, extent);
    if (!bytes)
      return std::nullopt;
  }
  // Signed sizes and pointer differences must hold it too.
  if (*bytes > uint64_t(INT64_MAX))
    return std::nullopt;
  return bytes;
}

// Unicode 15, table 3-7.
size_t qopt::utf8SequenceLength(std::string_view text) {
  auto byte = [&](size_t i) { return i < text.size() ? uint8_t(text[i]) : 0; };
  auto continues = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  if (text.empty())
    return 0;
  uint8_t first = byte(0), second = byte(1);
  if (first < 0x80)
    return 1;
  if (first < 0xc2)
    return 0;
  if (first < 0xe0)
    return continues(1) ? 2 : 0;
  if (first < 0xf0) {
    bool overlong = first == 0xe0 && second < 0xa0;
    bool surrogate = first == 0xed && second > 0x9f;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  bool overlong = first == 0xf0 && second < 0x90;
  bool tooLarge = first > 0xf4 || (first == 0xf4 && second > 0x8f);
  return continues(1) && continues(2) && continues(3) && !overlong && !tooLarge
             ? 4
             : 0;
}

bool qopt::isUtf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = utf8SequenceLength(text);
    if (length == 0)
      return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string qopt::quote(std::string_view text) {
  constexpr size_t limit = 80;
  constexpr char digits[] = "0123456789abcdef";
  std::string result = "\"";
  while (!text.empty() && result.size() < limit) {
    size_t length = utf8SequenceLength(text);
    uint8_t first = text[0];
    if (length == 0 || first < 0x20 || first == 0x7f) {
      result += {'\\', 'x', digits[first >> 4], digits[first & 15]};
      length = 1;
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return result + (text.empty() ? "\"" : "\"…");
}

Result<ByteSpan> ByteReader::take(uint64_t count, std::string_view what) {
  if (count > remaining())
    return error(what, " needs ", count, " bytes, the file has ", remaining(),
                 " left");
  ByteSpan taken = bytes.subspan(position, count);
  position += count;
  return taken;
}
