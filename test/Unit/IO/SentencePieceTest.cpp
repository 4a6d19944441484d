#include "TestFiles.h"
#include "qopt/IO/Json.h"
#include "qopt/IO/MappedFile.h"
#include "qopt/IO/Protobuf.h"
#include "qopt/IO/SentencePieceModel.h"
#include "qopt/IO/Tokenizer.h"

#include <gtest/gtest.h>
#include <random>

using namespace qopt;
using namespace qopt::test;
using namespace std::string_literals;
using Ids = std::vector<TokenId>;

static const std::string tokenizers = QOPT_FIXTURES "/tokenizers/";

static Tokenizer load(const std::string &name) {
  auto tokenizer = Tokenizer::load(tokenizers + name);
  if (!tokenizer) {
    ADD_FAILURE() << tokenizer.error().message;
    abort();
  }
  return std::move(*tokenizer);
}

/// The ids of the fixture's cases, and the texts again from them.
static void checkCases(const std::string &file, const std::string &key,
                       bool decodes) {
  const Tokenizer tokenizer = load(file);
  auto fixture = JsonDocument::load(tokenizers + "sentencepiece.json");
  ASSERT_TRUE(fixture.has_value()) << fixture.error().message;
  auto cases = fixture->root().getArray(key);
  ASSERT_TRUE(cases.has_value()) << cases.error().message;
  ASSERT_GT(cases->size(), 20u);
  for (std::size_t i = 0; i < cases->size(); ++i) {
    const std::string text((*cases)[i].getString("text").value());
    const JsonValue list = (*cases)[i].getArray("ids").value();
    Ids expected;
    for (std::size_t j = 0; j < list.size(); ++j)
      expected.push_back(TokenId(list[j].asInt().value()));
    const Ids ids = tokenizer.encode(text);
    EXPECT_EQ(ids, expected) << file << ": " << text;
    if (decodes && text.find("\u2581") == text.npos)
      EXPECT_EQ(tokenizer.decode(ids), text) << file;
  }
}

TEST(SentencePiece, EncodesAsThePackageDoes) {
  checkCases("llama2.model", "llama", true);
  checkCases("gemma.model", "gemma", true);
}

TEST(SentencePiece, EncodesByTheMergesOfATokenizerJson) {
  checkCases("llama2.json", "llama_json", true);
  checkCases("gemma.json", "gemma_json", true);
}

TEST(SentencePiece, ABlankGoesInFrontOfTextBehindSpecialTokens) {
  const Tokenizer tokenizer = load("llama2.model");
  const TokenId bos = *tokenizer.bos(), eos = *tokenizer.eos();
  Ids expected = {bos};
  for (const char *text : {"a man", "the sea"}) {
    const Ids part = tokenizer.encode(text);
    expected.insert(expected.end(), part.begin(), part.end());
    expected.push_back(eos);
  }
  EXPECT_EQ(tokenizer.encode("a man</s>the sea</s>",
                             {.parseSpecial = true, .prependBos = true}),
            expected);
}

/// llama2.json with a change.
static Tokenizer changed(std::string_view what, std::string_view with) {
  const TemporaryDirectory directory;
  const std::string text = readWholeFile(tokenizers + "llama2.json").value();
  auto tokenizer = Tokenizer::load(
      directory.write("tokenizer.json", replaced(text, what, with)));
  EXPECT_TRUE(tokenizer.has_value()) << tokenizer.error().message;
  return std::move(tokenizer.value());
}

TEST(SentencePiece, MetaspacePutsABlankInFrontOfTheFirstTextOnly) {
  const Tokenizer plain = load("llama2.json");
  const Tokenizer first = changed(
      R"("normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"pre_tokenizer":null)",
      R"("normalizer":null,"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false})");
  EXPECT_EQ(first.encode("the old man"), plain.encode("the old man"));
  const EncodeOptions special{.parseSpecial = true};
  EXPECT_EQ(first.encode("a</s> the sea", special),
            plain.encode("a</s>the sea", special));
  EXPECT_NE(first.encode("a</s>the sea", special),
            plain.encode("a</s>the sea", special));
}

TEST(SentencePiece, ASpecialTokenMayTakeTheBlanksBehindIt) {
  // Phi-3's do.
  const Tokenizer strips = changed(
      R"("content":"</s>","single_word":false,"lstrip":false,"rstrip":false)",
      R"("content":"</s>","single_word":false,"lstrip":false,"rstrip":true)");
  const EncodeOptions special{.parseSpecial = true};
  EXPECT_EQ(strips.encode("a</s> \n the sea</s> ", special),
            strips.encode("a</s>the sea</s>", special));
}

TEST(SentencePiece, EveryByteSequenceComesBack) {
  std::mt19937 random(5);
  for (const char *file : {"llama2.model", "gemma.model", "llama2.json"}) {
    const Tokenizer tokenizer = load(file);
    for (int round = 0; round < 50; ++round) {
      std::string text(random() % 40, '\0');
      for (char &c : text)
        c = char(random());
      if (text.find("\u2581") == text.npos)
        EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text) << file;
    }
  }
}

TEST(SentencePiece, ALongTextTakesLittleTime) {
  const Tokenizer tokenizer = load("llama2.model");
  EXPECT_FALSE(tokenizer.encode(std::string(1 << 20, ' ')).empty());
  EXPECT_FALSE(tokenizer.encode(std::string(1 << 20, 'a')).empty());
}

//===----------------------------------------------------------------------===//
// tokenizer.model
//===----------------------------------------------------------------------===//

/// A field of kind 2 or 0 of a protocol buffer.
static std::string bytesField(int number, const std::string &content) {
  return std::string{char(number << 3 | 2), char(content.size())} + content;
}
static std::string intField(int number, int value) {
  std::string tag;
  for (unsigned v = number << 3;; v >>= 7) {
    tag += char(v < 0x80 ? v : (v & 0x7f) | 0x80);
    if (v < 0x80)
      break;
  }
  return tag + char(value);
}
static std::string piece(const std::string &text, int type = 1) {
  return bytesField(1, bytesField(1, text) + intField(3, type));
}
/// Three pieces, BPE, nothing trimmed.
static std::string smallModel(const std::string &more = "") {
  return piece("<unk>", 2) + piece("a") + piece("b") +
         bytesField(2, intField(3, 2) + intField(41, 1) + intField(42, 2)) +
         bytesField(3, intField(4, 0)) + more;
}

static std::string refusal(const std::string &model) {
  auto data = readSentencePieceModel(span(model), "t.model");
  if (!data)
    return data.error().message;
  auto tokenizer = Tokenizer::create(std::move(*data));
  return tokenizer ? "accepted" : tokenizer.error().message;
}

TEST(SentencePiece, WhatAModelCannotBeIsSaid) {
  auto expect = [](const std::string &model, const std::string &reason) {
    EXPECT_NE(refusal(model).find(reason), std::string::npos)
        << reason << " / " << refusal(model);
  };
  EXPECT_EQ(refusal(smallModel()), "accepted");
  expect("", "the model type 1 (unigram) is not supported");
  expect(smallModel(bytesField(2, intField(3, 1))), "(unigram)");
  expect(smallModel(bytesField(2, intField(24, 1))),
         "treat_whitespace_as_suffix");
  expect(smallModel(bytesField(2, intField(41, 9))),
         "special token 9 is not in the vocabulary of 3");
  expect(smallModel(bytesField(3, intField(4, 1))), "remove_extra_whitespaces");
  expect(smallModel(
             bytesField(3, bytesField(1, "nmt_nfkc") + bytesField(2, "table"))),
         "text is normalized by \"nmt_nfkc\"");
  expect(smallModel(piece("c", 7)), "a piece has the unknown type 7");
  expect(smallModel(piece("a")), "tokens 1 and 3 are both 'a'");
  expect(smallModel(piece("")), "token 3 is empty");
  expect(smallModel(piece("\xff")), "is not UTF-8");
  expect(smallModel("\x0a\x7f"), "t.model: at byte");
  expect(smallModel(std::string("\0\0", 2)), "field numbers start at 1");
  expect(smallModel("\x0b"), "has the unknown kind 3");
  expect(smallModel("\x08" + std::string(10, '\xff')), "more than 64 bits");
  // score = NaN
  expect(
      smallModel(bytesField(1, bytesField(1, "c") + "\x15\x00\x00\xc0\x7f"s)),
      "a score is not a finite number");
}

TEST(SentencePiece, ADamagedModelIsAnErrorOrAnotherModel) {
  const std::string model = smallModel(piece("ab") + piece("\u2581a") +
                                       piece("<t>", 4) + piece("<0x0A>", 6));
  ASSERT_EQ(refusal(model), "accepted");
  mutate(model, 3000, [](ByteSpan bytes) {
    auto data = readSentencePieceModel(bytes, "t.model");
    if (!data)
      return;
    auto tokenizer = Tokenizer::create(std::move(*data));
    if (tokenizer)
      (void)tokenizer->decode(tokenizer->encode("a b \xff c"));
  });
}
