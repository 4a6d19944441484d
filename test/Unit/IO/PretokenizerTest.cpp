#include "qopt/IO/Pretokenizer.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

using namespace qopt;
using Pieces = std::vector<std::string>;

static Pieces split(Pretokenizer pretokenizer, std::string_view text) {
  Pieces pieces;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = endOfPiece(pretokenizer, text, begin);
    EXPECT_GT(end, begin);
    pieces.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  return pieces;
}

TEST(Pretokenizer, CutsContractionsOfEitherCaseInLlama3) {
  EXPECT_EQ(split(Pretokenizer::Llama3, "I'll we'VE 'sx"),
            (Pieces{"I", "'ll", " we", "'VE", " '", "sx"}));
  // Unicode case folding: the long s is an s.
  EXPECT_EQ(split(Pretokenizer::Llama3, "'\u017Ftuff"),
            (Pieces{"'\u017F", "tuff"}));
  EXPECT_EQ(split(Pretokenizer::Llama3, "'xy ''d"),
            (Pieces{"'xy", " ''", "d"}));
  EXPECT_EQ(split(Pretokenizer::Llama3, "'r"), (Pieces{"'r"}));
}

TEST(Pretokenizer, CutsLowerCaseContractionsOnlyInGpt2) {
  EXPECT_EQ(split(Pretokenizer::Gpt2, "he'd DON'T"),
            (Pieces{"he", "'d", " DON", "'", "T"}));
  EXPECT_EQ(split(Pretokenizer::Gpt2, "'\u017F"), (Pieces{"'", "\u017F"}));
}

TEST(Pretokenizer, PutsOneCharacterBeforeAWordInLlama3) {
  EXPECT_EQ(split(Pretokenizer::Llama3, "\tword (word) \u00A0é-é"),
            (Pieces{"\tword", " (", "word", ")", " ", "\u00A0é", "-é"}));
  EXPECT_EQ(split(Pretokenizer::Llama3, "\nword"), (Pieces{"\n", "word"}));
  EXPECT_EQ(split(Pretokenizer::Llama3, "1a"), (Pieces{"1", "a"}));
}

TEST(Pretokenizer, CutsNumbersAsEachExpressionWants) {
  EXPECT_EQ(split(Pretokenizer::Llama3, "1234567 89"),
            (Pieces{"123", "456", "7", " ", "89"}));
  EXPECT_EQ(split(Pretokenizer::Qwen2, "123 4"),
            (Pieces{"1", "2", "3", " ", "4"}));
  EXPECT_EQ(split(Pretokenizer::Gpt2, "1234 56½"), (Pieces{"1234", " 56½"}));
}

TEST(Pretokenizer, GivesNewlinesToThePunctuationBeforeThemInLlama3) {
  EXPECT_EQ(split(Pretokenizer::Llama3, "end!\r\n\nx"),
            (Pieces{"end", "!\r\n\n", "x"}));
  EXPECT_EQ(split(Pretokenizer::Llama3, "a ?!\n b"),
            (Pieces{"a", " ?!\n", " b"}));
  EXPECT_EQ(split(Pretokenizer::Gpt2, "a ?!\n b"),
            (Pieces{"a", " ?!", "\n", " b"}));
}

TEST(Pretokenizer, BacktracksInWhiteSpace) {
  // \s*[\r\n]+ ends at the last newline of the run.
  EXPECT_EQ(split(Pretokenizer::Llama3, "a \n \t\n  b"),
            (Pieces{"a", " \n \t\n", " ", " b"}));
  // \s+(?!\S) leaves the last blank to the word, or all of it at the end.
  EXPECT_EQ(split(Pretokenizer::Llama3, "a   b   "),
            (Pieces{"a", "  ", " b", "   "}));
  EXPECT_EQ(split(Pretokenizer::Llama3, "a  1"), (Pieces{"a", " ", " ", "1"}));
  EXPECT_EQ(split(Pretokenizer::Gpt2, "a \n \n  1"),
            (Pieces{"a", " \n \n ", " 1"}));
  EXPECT_EQ(split(Pretokenizer::Gpt2, "\u3000\u3000b\n"),
            (Pieces{"\u3000", "\u3000", "b", "\n"}));
}

TEST(Pretokenizer, TreatsBytesOutsideOfUtf8AsPunctuation) {
  EXPECT_EQ(split(Pretokenizer::Llama3, "a\xFF\xFE\n\xE2\x82"),
            (Pieces{"a", "\xFF\xFE\n", "\xE2\x82"}));
  EXPECT_EQ(split(Pretokenizer::Gpt2, " \xC3 a"), (Pieces{" \xC3", " a"}));
}

TEST(Pretokenizer, IsKnownByNameAndByPattern) {
  for (auto one :
       {Pretokenizer::Gpt2, Pretokenizer::Llama3, Pretokenizer::Qwen2})
    EXPECT_EQ(pretokenizerOfName(pretokenizerName(one)), one);
  EXPECT_EQ(pretokenizerOfName("gpt-4o"), std::nullopt);
  EXPECT_EQ(pretokenizerOfPattern("\\s+"), std::nullopt);
}
