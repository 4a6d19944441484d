//===- TokenMatcher.cpp - tokens spelled out in a text --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/TokenMatcher.h"

#include <algorithm>

using namespace qopt;

TokenMatcher::TokenMatcher(std::vector<Spelling> spellings)
    : sorted(std::move(spellings)) {
  std::sort(sorted.begin(), sorted.end());
  for (const auto &[text, token] : sorted)
    begins[static_cast<unsigned char>(text[0])] = true;
}

TokenMatcher::Match TokenMatcher::next(std::string_view text,
                                       std::size_t begin) const {
  for (; begin < text.size(); ++begin) {
    if (!begins[static_cast<unsigned char>(text[begin])])
      continue;
    // Narrow the range of spellings that agree with the text byte by byte; the
    // first of the range is the shortest, and so may be complete.
    auto low = sorted.begin(), high = sorted.end();
    Match match{text.size(), text.size(), 0};
    for (std::size_t length = 0; begin + length < text.size(); ++length) {
      const unsigned char byte = text[begin + length];
      auto byteOf = [&](const Spelling &spelling) -> int {
        return length < spelling.first.size()
                   ? static_cast<unsigned char>(spelling.first[length])
                   : -1;
      };
      low = std::partition_point(
          low, high, [&](const Spelling &s) { return byteOf(s) < byte; });
      high = std::partition_point(
          low, high, [&](const Spelling &s) { return byteOf(s) == byte; });
      if (low == high)
        break;
      if (low->first.size() == length + 1)
        match = {begin, begin + length + 1, low->second};
    }
    if (match.end != match.begin)
      return match;
  }
  return {text.size(), text.size(), 0};
}
