//===- TokenMatcher.h - tokens spelled out in a text ------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_TOKENMATCHER_H
#define QOPT_IO_TOKENMATCHER_H

#include "qopt/IO/BytePairEncoder.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace qopt {

/// Finds the spellings of special tokens in text, the longest where several
/// begin at one place.
class TokenMatcher {
public:
  using Spelling = std::pair<std::string, TokenId>;
  TokenMatcher() = default;
  /// Spellings are distinct and not empty.
  explicit TokenMatcher(std::vector<Spelling> spellings);

  struct Match {
    std::size_t begin, end; // both text.size() if there is none
    TokenId token;
  };
  /// The first match that begins at or after `begin`. Time: the bytes passed,
  /// times the longest spelling in the worst case.
  Match next(std::string_view text, std::size_t begin) const;

private:
  std::vector<Spelling> sorted;
  std::array<bool, 256> begins{}; // whether a spelling begins with this byte
};

} // namespace qopt

#endif // QOPT_IO_TOKENMATCHER_H
