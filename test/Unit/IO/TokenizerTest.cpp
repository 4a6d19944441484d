#include "qopt/IO/Tokenizer.h"
#include "qopt/IO/ByteLevel.h"
#include "qopt/IO/Json.h"
#include "qopt/IO/MappedFile.h"
#include "qopt/IO/Unicode.h"

#include <chrono>
#include <gtest/gtest.h>
#include <random>

using namespace qopt;
using namespace std::string_literals;
using Ids = std::vector<TokenId>;

static const std::string novella = QOPT_MODELS "/novella-7m";

static Tokenizer load(const std::string &path) {
  auto tokenizer = Tokenizer::load(path);
  if (!tokenizer) {
    ADD_FAILURE() << tokenizer.error().message;
    abort();
  }
  return std::move(*tokenizer);
}

static Ids idsOf(JsonValue list) {
  Ids ids;
  for (std::size_t i = 0; i < list.size(); ++i)
    ids.push_back(TokenId(list[i].asInt().value()));
  return ids;
}

// All bytes, "ab", "abc" and two special tokens.
static TokenizerData smallData() {
  TokenizerData data;
  data.source = "small.json";
  for (int byte = 0; byte < 256; ++byte)
    data.tokens.push_back(toByteLevel(std::string(1, char(byte))));
  data.types.assign(256, TokenType::Normal);
  for (auto [spelling, type] : {std::pair{"ab", TokenType::Normal},
                                {"abc", TokenType::Normal},
                                {"<s>", TokenType::Control},
                                {"<tool>", TokenType::UserDefined}}) {
    data.tokens.push_back(spelling);
    data.types.push_back(type);
  }
  data.merges = {"a b", "ab c"};
  data.bos = 258;
  data.addBos = true;
  return data;
}

static std::string refusal(TokenizerData data) {
  auto tokenizer = Tokenizer::create(std::move(data));
  return tokenizer ? "accepted" : tokenizer.error().message;
}

TEST(Tokenizer, EncodesTheCasesOfTheSampleModel) {
  const Tokenizer tokenizer = load(novella);
  auto fixture = JsonDocument::load(QOPT_FIXTURES "/novella-tokens.json");
  ASSERT_TRUE(fixture) << fixture.error().message;
  const JsonValue cases = fixture->root().getArray("cases").value();
  ASSERT_GT(cases.size(), 0u);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::string text(cases[i].getString("text").value());
    EXPECT_EQ(tokenizer.encode(text), idsOf(cases[i].getArray("ids").value()))
        << text;
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  }
}

TEST(Tokenizer, AgreesWithTheReferenceImplementationOnEveryPattern) {
  auto fixture = JsonDocument::load(QOPT_FIXTURES "/tokenizers/cases.json");
  ASSERT_TRUE(fixture) << fixture.error().message;
  for (const char *name : {"gpt2", "llama3", "qwen2"}) {
    const Tokenizer tokenizer =
        load(QOPT_FIXTURES "/tokenizers/"s + name + ".json");
    const JsonValue cases = fixture->root().getArray(name).value();
    ASSERT_GT(cases.size(), 0u);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const std::string text(cases[i].getString("text").value());
      EXPECT_EQ(tokenizer.encode(text), idsOf(cases[i].getArray("ids").value()))
          << name << ": " << text;
      const JsonValue expected = cases[i].getArray("pieces").value();
      const std::string normalized =
          name == "qwen2"s ? normalizeNfc(text) : text;
      std::size_t begin = 0;
      for (std::size_t piece = 0; piece < expected.size(); ++piece) {
        const std::size_t end =
            endOfPiece(tokenizer.data().pretokenizer, normalized, begin);
        EXPECT_EQ(normalized.substr(begin, end - begin),
                  expected[piece].asString().value())
            << name << ": " << text;
        begin = end;
      }
      EXPECT_EQ(begin, normalized.size());
    }
  }
}

TEST(Tokenizer, DecodesWhatItEncodes) {
  const Tokenizer tokenizer = load(novella);
  const std::string sample = readWholeFile(novella + "/sample.txt").value();
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(sample)), sample);

  std::mt19937 random(3);
  for (int trial = 0; trial < 500; ++trial) {
    std::string characters, bytes;
    for (int i = 0; i < 60; ++i) {
      std::int32_t c = random() % (trial % 2 ? 0x110000 : 0x800);
      if (c < 0xD800 || c > 0xDFFF)
        appendUtf8(characters, c);
      bytes.push_back(char(random()));
    }
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(characters)), characters);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(bytes)), bytes);
  }
}

TEST(Tokenizer, NeedsLinearTimeForMonotonousText) {
  for (const std::string &path :
       {novella, QOPT_FIXTURES "/tokenizers/gpt2.json"s,
        QOPT_FIXTURES "/tokenizers/llama3.json"s,
        QOPT_FIXTURES "/tokenizers/qwen2.json"s}) {
    const Tokenizer tokenizer = load(path);
    for (const char *unit : {" ", "a", "\n", " \n", "'", "1", "\xFF", "é"}) {
      std::string text = "x";
      for (int i = 0; i < 1000000; ++i)
        text += unit;
      text += "x";
      const auto start = std::chrono::steady_clock::now();
      const Ids ids = tokenizer.encode(text);
      const std::chrono::duration<double> elapsed =
          std::chrono::steady_clock::now() - start;
      EXPECT_EQ(tokenizer.decode(ids), text);
      // Typical is 0.05 s, with sanitizers on a busy machine 10 s; quadratic
      // time would be many minutes.
      EXPECT_LT(elapsed.count(), 30.0) << path << " '" << unit << "'";
    }
  }
}

TEST(Tokenizer, ReadsTheSpecialTokensOfTheSampleModel) {
  const Tokenizer tokenizer = load(novella);
  EXPECT_EQ(tokenizer.size(), 4096u);
  EXPECT_EQ(tokenizer.bos(), 4094);
  EXPECT_EQ(tokenizer.eos(), 4095);
  EXPECT_EQ(tokenizer.pad(), std::nullopt);
  EXPECT_TRUE(tokenizer.addBos());
  EXPECT_FALSE(tokenizer.data().addEos);
  EXPECT_TRUE(tokenizer.isStop(4095));
  EXPECT_FALSE(tokenizer.isStop(4094));
  EXPECT_EQ(tokenizer.typeOf(4094), TokenType::Control);
  EXPECT_EQ(tokenizer.typeOf(4093), TokenType::Normal);
  EXPECT_EQ(tokenizer.data().merges.front(), "Ġ t");
  EXPECT_EQ(tokenizer.data().merges.size(), 3838u);
  EXPECT_EQ(pretokenizerName(tokenizer.data().pretokenizer), "llama-bpe");
  EXPECT_EQ(tokenizer.encode("a", {.prependBos = true}), (Ids{4094, 97}));
}

TEST(Tokenizer, ParsesSpecialTokensOnRequestOnly) {
  const auto tokenizer = Tokenizer::create(smallData());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode("<s>"), (Ids{'<', 's', '>'}));
  const EncodeOptions parse{.parseSpecial = true};
  EXPECT_EQ(tokenizer->encode("<s>abc<tool><s", parse),
            (Ids{258, 257, 259, '<', 's'}));
  EXPECT_EQ(tokenizer->decode(Ids{258, 257, 259}), "<s>abc<tool>");
  EXPECT_EQ(tokenizer->decode(Ids{258, 257, 259}, {.skipControl = true}),
            "abc<tool>");
}

TEST(Tokenizer, IgnoresMergesWhereTheWholePieceIsAToken) {
  TokenizerData data = smallData();
  data.merges = {"a b"};
  EXPECT_EQ(Tokenizer::create(data)->encode("abc"), (Ids{256, 'c'}));
  data.ignoreMerges = true;
  EXPECT_EQ(Tokenizer::create(data)->encode("abc"), (Ids{257}));
}

TEST(Tokenizer, StandsInTheUnknownTokenForBytesWithoutOne) {
  TokenizerData data = smallData();
  data.tokens['z'] = "?unused?";
  data.types['z'] = TokenType::Unused;
  EXPECT_EQ(Tokenizer::create(data)->encode("azzb"), (Ids{256}));
  data.unknown = 258;
  EXPECT_EQ(Tokenizer::create(data)->encode("azzb"), (Ids{'a', 258, 258, 'b'}));
  data.fuseUnknown = true;
  EXPECT_EQ(Tokenizer::create(data)->encode("azzb"), (Ids{'a', 258, 'b'}));
}

TEST(Tokenizer, DecodesIdsWithoutATokenToNothing) {
  TokenizerData data = smallData();
  data.types[256] = TokenType::Unused;
  data.merges.clear();
  const auto tokenizer = Tokenizer::create(data);
  EXPECT_EQ(tokenizer->decode(Ids{'a', 256, -1, 260, 'b'}), "ab");
}

TEST(Tokenizer, SurvivesAMove) {
  Tokenizer first = std::move(*Tokenizer::create(smallData()));
  const Tokenizer second = std::move(first);
  EXPECT_EQ(second.find("abc"), 257);
  EXPECT_EQ(second.encode("xabc"), (Ids{'x', 257}));
}

TEST(Tokenizer, RefusesContradictoryData) {
  auto with = [](auto change) {
    TokenizerData data = smallData();
    change(data);
    return refusal(std::move(data));
  };
  EXPECT_EQ(with([](auto &d) { d.tokens.clear(); }),
            "small.json: the vocabulary is empty");
  EXPECT_EQ(with([](auto &d) { d.types.pop_back(); }),
            "small.json: 260 tokens, but 259 token types");
  EXPECT_EQ(with([](auto &d) { d.types[3] = TokenType(9); }),
            "small.json: token 3 has the unknown type 9");
  EXPECT_EQ(with([](auto &d) { d.tokens[257] = "ab"; }),
            "small.json: tokens 256 and 257 are both 'ab'");
  EXPECT_EQ(with([](auto &d) { d.tokens[257].clear(); }),
            "small.json: token 257 is empty");
  EXPECT_EQ(with([](auto &d) { d.eos = 260; }),
            "small.json: the end-of-sequence token has id 260, but the "
            "vocabulary ends at 259");
  EXPECT_EQ(with([](auto &d) { d.stop = {-1}; }),
            "small.json: the stop token has id -1, but the vocabulary ends at "
            "259");
  EXPECT_EQ(with([](auto &d) { d.bos.reset(); }),
            "small.json: a beginning-of-sequence token is to be added, but "
            "none is defined");
  for (const char *merge : {"ab", " ab", "ab ", "a b c", "a  b", ""})
    EXPECT_EQ(with([&](auto &d) { d.merges[1] = merge; }),
              "small.json: merge 1 '"s + merge +
                  "' is not two tokens with one space between them");
  EXPECT_EQ(with([](auto &d) { d.merges[1] = "b c"; }),
            "small.json: merge 1 'b c' needs the token 'bc', which is not in "
            "the vocabulary");
  EXPECT_EQ(with([](auto &d) { d.merges.push_back("a b"); }),
            "small.json: merge 2 'a b' appears twice");
}
