//===- BytePairEncoder.h - merging tokens by rank ---------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_BYTEPAIRENCODER_H
#define QOPT_IO_BYTEPAIRENCODER_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace qopt {

using TokenId = std::int32_t;

/// `left` followed by `right` becomes `result`.
struct MergeRule {
  TokenId left, right, result;
};

/// Applies merge rules to a word: of all neighbours that a rule joins, those of
/// the earliest rule, and among these the leftmost, are joined first, until no
/// rule applies (Sennrich et al. 2016). O(n log n) for a word of n tokens.
class BytePairEncoder {
public:
  /// `rules` in order of rank, no pair twice, all ids in [0, vocabularySize).
  /// With `ranks`, one per rule, rules may share a rank and count as one then.
  BytePairEncoder(std::size_t vocabularySize, std::span<const MergeRule> rules,
                  std::span<const std::uint32_t> ranks = {});

  /// Merges `word` in place.
  void merge(std::vector<TokenId> &word) const;

private:
  // The rules with the same left token, sorted by the right one, are
  // entries[firstEntry[left] .. firstEntry[left + 1]).
  struct Entry {
    TokenId right, result;
    std::uint32_t rank;
  };
  const Entry *find(TokenId left, TokenId right) const;

  std::vector<std::uint32_t> firstEntry;
  std::vector<Entry> entries;
};

} // namespace qopt

#endif // QOPT_IO_BYTEPAIRENCODER_H
