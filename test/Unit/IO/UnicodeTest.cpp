#include "qopt/IO/Unicode.h"
#include "qopt/IO/ByteLevel.h"
#include "qopt/IO/Utf8Stream.h"

#include <gtest/gtest.h>

using namespace qopt;
using namespace std::string_literals;

TEST(Unicode, DecodesTheEdgesOfEveryLength) {
  struct Case {
    std::string bytes;
    std::int32_t value;
  };
  for (const auto &[bytes, value] :
       {Case{"\0"s, 0}, Case{"\x7F", 0x7F}, Case{"\xC2\x80", 0x80},
        Case{"\xDF\xBF", 0x7FF}, Case{"\xE0\xA0\x80", 0x800},
        Case{"\xED\x9F\xBF", 0xD7FF}, Case{"\xEF\xBF\xBF", 0xFFFF},
        Case{"\xF0\x90\x80\x80", 0x10000},
        Case{"\xF4\x8F\xBF\xBF", 0x10FFFF}}) {
    const CodePoint c = decodeUtf8(bytes + "x", 0);
    EXPECT_EQ(c.value, value);
    EXPECT_EQ(c.length, bytes.size());
    std::string again;
    appendUtf8(again, value);
    EXPECT_EQ(again, bytes);
  }
}

TEST(Unicode, TakesBytesOutsideOfUtf8OneByOne) {
  // Continuation, overlong, surrogate, above U+10FFFF, truncated.
  for (const char *bytes :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5", "\xFF", "\xE2\x82",
        "\xE2\x82x"}) {
    const CodePoint c = decodeUtf8(bytes, 0);
    EXPECT_EQ(c.value, CodePoint::invalid) << bytes;
    EXPECT_EQ(c.length, 1u);
  }
}

TEST(Unicode, ClassifiesAsTheExpressionsDo) {
  auto expectAll = [](std::u32string_view characters, CharacterClass expected) {
    for (const char32_t c : characters)
      EXPECT_EQ(classify(c), expected) << std::hex << std::uint32_t(c);
  };
  expectAll(U"aZéßΩяאहไ日한ǅʰªº𝒜𠀀", CharacterClass::Letter);
  expectAll(U"09٣½²ⅧⅻⅫ１𝟎", CharacterClass::Number);
  expectAll(U"\r\n", CharacterClass::Newline);
  expectAll(U" \t\v\f\u0085\u00A0\u1680\u2000\u200A\u2028\u2029\u202F\u205F"
            U"\u3000",
            CharacterClass::Space);
  expectAll(U"!_'\u0301\u200B\u200D\u180E\uFEFF\uFFFD\u001C🙂€",
            CharacterClass::Other);
  EXPECT_EQ(classify(CodePoint::invalid), CharacterClass::Other);
}

TEST(Unicode, NormalizesToFormC) {
  EXPECT_EQ(normalizeNfc("plain, naïve"), "plain, naïve");
  EXPECT_EQ(normalizeNfc("e\u0301"), "é");
  EXPECT_EQ(normalizeNfc("a\u0301\u0323"), "\u1EA1\u0301"); // marks reorder
  EXPECT_EQ(normalizeNfc("\u212B"), "Å");                   // singleton
  EXPECT_EQ(normalizeNfc("\u1112\u1161\u11AB"), "한");
  EXPECT_EQ(normalizeNfc("\u0958"), "\u0915\u093C"); // composition exclusion
  EXPECT_EQ(normalizeNfc("ﬁ²"), "ﬁ²");               // not compatibility
}

TEST(Unicode, KeepsBytesOutsideOfUtf8WhileNormalizing) {
  EXPECT_EQ(normalizeNfc("e\u0301\xFF\u0301"
                         "e\u0301\xE2\x82"),
            "é\xFF\u0301"
            "é\xE2\x82");
}

TEST(Unicode, OrdersAMillionMarksInReasonableTime) {
  std::string text = "a", ordered = "a";
  for (int i = 0; i < 500000; ++i)
    text += "\u0315\u0323"; // classes 232 and 220
  const std::string normalized = normalizeNfc(text);
  EXPECT_EQ(normalized.substr(0, 5), "\u1EA1\u0323");
  EXPECT_EQ(normalized.substr(normalized.size() - 2), "\u0315");
}

TEST(ByteLevel, SpellsEveryByteAndReadsItBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte)
    all.push_back(char(byte));
  EXPECT_EQ(fromByteLevel(toByteLevel(all)), all);
  EXPECT_EQ(toByteLevel(" a\n\0\xAD"s), "ĠaĊĀŃ");
  EXPECT_EQ(toByteLevel("é"), "Ã©");
}

TEST(ByteLevel, RefusesCharactersOutsideOfTheAlphabet) {
  EXPECT_EQ(fromByteLevel("a b"), std::nullopt);
  EXPECT_EQ(fromByteLevel("\u0144"), std::nullopt);
  EXPECT_EQ(fromByteLevel("a\xFF"), std::nullopt);
}

TEST(Utf8Stream, HoldsBackIncompleteCharacters) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("a\xF0\x9F"), "a");
  EXPECT_EQ(stream.push("\x99"), "");
  EXPECT_EQ(stream.push("\x82z"), "🙂z");
  EXPECT_EQ(stream.finish(), "");
}

TEST(Utf8Stream, ReplacesWhatCannotBecomeACharacter) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("\xE2\x82"), "");
  EXPECT_EQ(stream.push("x\xFF"), "\uFFFD\uFFFDx\uFFFD");
  EXPECT_EQ(stream.push("\xC3"), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
}
