//===- BytePairEncoder.cpp - merging tokens by rank -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/BytePairEncoder.h"

#include <algorithm>
#include <limits>
#include <queue>

using namespace qopt;

BytePairEncoder::BytePairEncoder(std::size_t vocabularySize,
                                 std::span<const MergeRule> rules,
                                 std::span<const std::uint32_t> ranks)
    : firstEntry(vocabularySize + 1), entries(rules.size()) {
  for (const MergeRule &rule : rules)
    ++firstEntry[rule.left + 1];
  for (std::size_t i = 0; i < vocabularySize; ++i)
    firstEntry[i + 1] += firstEntry[i];
  std::vector<std::uint32_t> next(firstEntry.begin(), firstEntry.end() - 1);
  for (std::uint32_t i = 0; i < rules.size(); ++i)
    entries[next[rules[i].left]++] = {rules[i].right, rules[i].result,
                                      ranks.empty() ? i : ranks[i]};
  for (std::size_t i = 0; i < vocabularySize; ++i)
    std::sort(entries.begin() + firstEntry[i],
              entries.begin() + firstEntry[i + 1],
              [](const Entry &a, const Entry &b) { return a.right < b.right; });
}

const BytePairEncoder::Entry *BytePairEncoder::find(TokenId left,
                                                    TokenId right) const {
  const Entry *begin = entries.data() + firstEntry[left];
  const Entry *end = entries.data() + firstEntry[left + 1];
  const Entry *entry =
      std::lower_bound(begin, end, right, [](const Entry &e, TokenId token) {
        return e.right < token;
      });
  return entry != end && entry->right == right ? entry : nullptr;
}

namespace {
constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

// A token in the doubly linked list of those that are left.
struct Symbol {
  TokenId token;
  TokenId merged;     // what the rule makes of it and its right neighbour
  std::uint32_t rank; // of that rule; noRank if there is none
  std::size_t previous, next;
};
constexpr std::uint32_t noRank = std::numeric_limits<std::uint32_t>::max();

// A possible merge. It is stale if the rank of the symbol has changed since.
struct Candidate {
  std::uint32_t rank;
  std::size_t left;
  bool operator<(const Candidate &other) const { // the queue's top is greatest
    return rank != other.rank ? rank > other.rank : left > other.left;
  }
};
} // namespace

void BytePairEncoder::merge(std::vector<TokenId> &word) const {
  if (word.size() < 2)
    return;
  std::vector<Symbol> symbols(word.size());
  std::vector<Candidate> initial;
  initial.reserve(word.size());
  auto refresh = [&](std::size_t i) {
    Symbol &symbol = symbols[i];
    const Entry *entry = symbol.next == none
                             ? nullptr
                             : find(symbol.token, symbols[symbol.next].token);
    symbol.rank = entry ? entry->rank : noRank;
    symbol.merged = entry ? entry->result : 0;
    return entry != nullptr;
  };
  for (std::size_t i = 0; i < word.size(); ++i)
    symbols[i] = {word[i], 0, noRank, i == 0 ? none : i - 1,
                  i + 1 == word.size() ? none : i + 1};
  for (std::size_t i = 0; i < word.size(); ++i)
    if (refresh(i))
      initial.push_back({symbols[i].rank, i});

  std::priority_queue<Candidate> queue({}, std::move(initial));
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol &left = symbols[top.left];
    if (left.rank != top.rank)
      continue;
    Symbol &right = symbols[left.next];
    left.token = left.merged;
    right.rank = noRank; // it is gone, and so are its candidates
    left.next = right.next;
    if (left.next != none)
      symbols[left.next].previous = top.left;
    if (refresh(top.left))
      queue.push({left.rank, top.left});
    if (left.previous != none && refresh(left.previous))
      queue.push({symbols[left.previous].rank, left.previous});
  }

  word.clear();
  for (std::size_t i = 0; i != none; i = symbols[i].next)
    word.push_back(symbols[i].token);
}
