//===- Utf8Stream.cpp - printing bytes as they arrive ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Utf8Stream.h"
#include "qopt/IO/Unicode.h"

using namespace qopt;

static constexpr std::string_view replacement = "\uFFFD";

std::string Utf8Stream::push(std::string_view bytes) {
  pending += bytes;
  const std::string_view text = pending;
  std::string printable;
  std::size_t position = 0;
  while (position < text.size()) {
    const CodePoint c = decodeUtf8(text, position);
    if (c.value != CodePoint::invalid)
      printable += text.substr(position, c.length);
    else if (isIncompleteUtf8(text.substr(position)))
      break;
    else
      printable += replacement;
    position += c.length;
  }
  pending.erase(0, position);
  return printable;
}

std::string Utf8Stream::finish() {
  std::string printable(pending.empty() ? "" : replacement);
  pending.clear();
  return printable;
}
