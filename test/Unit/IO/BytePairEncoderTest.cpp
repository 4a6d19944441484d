#include "qopt/IO/BytePairEncoder.h"
#include "qopt/IO/TokenMatcher.h"

#include <gtest/gtest.h>
#include <map>
#include <random>

using namespace qopt;

// The definition, literally: look for the best pair, join it, start over.
static void mergeSlowly(const std::vector<MergeRule> &rules,
                        std::vector<TokenId> &word) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const MergeRule &rule : rules) {
      for (std::size_t i = 0; i + 1 < word.size() && !changed; ++i)
        if (word[i] == rule.left && word[i + 1] == rule.right) {
          word[i] = rule.result;
          word.erase(word.begin() + i + 1);
          changed = true;
        }
      if (changed)
        break;
    }
  }
}

TEST(BytePairEncoder, AgreesWithTheDefinitionOnRandomRules) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 300; ++trial) {
    // Tokens are words over {0, 1, 2}; a rule joins any two earlier tokens.
    std::vector<std::string> tokens = {"0", "1", "2"};
    std::map<std::string, TokenId> ids = {{"0", 0}, {"1", 1}, {"2", 2}};
    std::map<std::pair<TokenId, TokenId>, bool> known;
    std::vector<MergeRule> rules;
    for (int i = 0; i < 20; ++i) {
      const TokenId left = random() % tokens.size();
      const TokenId right = random() % tokens.size();
      const std::string joined = tokens[left] + tokens[right];
      if (joined.size() > 8 || !known.try_emplace({left, right}).second)
        continue;
      const auto [entry, isNew] = ids.emplace(joined, tokens.size());
      if (isNew)
        tokens.push_back(joined);
      rules.push_back({left, right, entry->second});
    }
    std::shuffle(rules.begin(), rules.end(), random);
    const BytePairEncoder encoder(tokens.size(), rules);
    for (int length = 0; length < 40; ++length) {
      std::vector<TokenId> word(length);
      for (TokenId &token : word)
        token = random() % 3;
      std::vector<TokenId> expected = word;
      mergeSlowly(rules, expected);
      encoder.merge(word);
      ASSERT_EQ(word, expected) << "trial " << trial;
    }
  }
}

TEST(BytePairEncoder, MergesAMillionLettersQuickly) {
  // a a -> aa -> aaaa -> ... -> 2^19 letters.
  std::vector<MergeRule> rules;
  for (TokenId i = 0; i < 19; ++i)
    rules.push_back({i, i, i + 1});
  const BytePairEncoder encoder(20, rules);
  std::vector<TokenId> word(1 << 20, 0);
  encoder.merge(word);
  EXPECT_EQ(word, (std::vector<TokenId>{19, 19}));
}

TEST(TokenMatcher, FindsTheFirstAndLongestSpelling) {
  const TokenMatcher matcher(
      {{"<|a|>", 1}, {"<|a|>b", 2}, {"<|a|>bcd", 3}, {"|", 4}});
  const std::string_view text = "x<<|a|>bcx|";
  auto match = matcher.next(text, 0);
  EXPECT_EQ(match.begin, 2u);
  EXPECT_EQ(match.end, 8u);
  EXPECT_EQ(match.token, 2);
  match = matcher.next(text, match.end);
  EXPECT_EQ(match.begin, 10u);
  EXPECT_EQ(match.token, 4);
  match = matcher.next(text, match.end);
  EXPECT_EQ(match.begin, text.size());
  EXPECT_EQ(match.end, text.size());
}
