#include "qopt/IO/HuggingFaceTokenizer.h"
#include "qopt/IO/MappedFile.h"
#include "qopt/IO/Tokenizer.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace qopt;
using namespace std::string_literals;

static std::string fixture(const std::string &name) {
  return readWholeFile(QOPT_FIXTURES "/tokenizers/" + name).value();
}

// The fixture with the first `from` replaced by `to`.
static Result<TokenizerData> readChanged(const std::string &name,
                                         const std::string &from,
                                         const std::string &to) {
  std::string text = fixture(name);
  const std::size_t place = text.find(from);
  if (place == text.npos)
    return badInput("the fixture does not contain ", from);
  text.replace(place, from.size(), to);
  QOPT_ASSIGN(const auto document, JsonDocument::parse(text, "t.json"));
  return readTokenizerJson(document);
}

static std::string refusal(const std::string &name, const std::string &from,
                           const std::string &to) {
  auto data = readChanged(name, from, to);
  if (!data)
    return data.error().message;
  auto tokenizer = Tokenizer::create(std::move(*data));
  return tokenizer ? "accepted" : tokenizer.error().message;
}

#define EXPECT_REFUSED(name, from, to, place, reason)                          \
  do {                                                                         \
    const std::string message = refusal(name, from, to);                       \
    EXPECT_NE(message.find("t.json: "s + place), std::string::npos)            \
        << message;                                                            \
    EXPECT_NE(message.find(reason), std::string::npos) << message;             \
  } while (false)

TEST(TokenizerJson, NamesEveryComponentThatItDoesNotKnow) {
  EXPECT_REFUSED("qwen2.json", "\"NFC\"", "\"NFKC\"", "normalizer",
                 "unknown normalizer 'NFKC'");
  EXPECT_REFUSED("qwen2.json", "\\\\p{N}|", "\\\\p{N}{1,2}|",
                 "pre_tokenizer.pretokenizers[0].pattern",
                 "unknown split pattern '(?i:");
  EXPECT_REFUSED("qwen2.json", "\"Isolated\"", "\"Removed\"",
                 "pre_tokenizer.pretokenizers[0]",
                 "unknown split behavior 'Removed'");
  EXPECT_REFUSED("qwen2.json", "\"invert\":false", "\"invert\":true",
                 "pre_tokenizer.pretokenizers[0]", "'invert' = true");
  EXPECT_REFUSED("qwen2.json", "\"Split\"", "\"Digits\"",
                 "pre_tokenizer.pretokenizers[0]",
                 "unknown pre-tokenizer 'Digits'");
  EXPECT_REFUSED("gpt2.json", "\"ByteLevel\"", "\"Metaspace\"", "pre_tokenizer",
                 "unknown pre-tokenizer 'Metaspace'");
  EXPECT_REFUSED("gpt2.json", "\"add_prefix_space\":false",
                 "\"add_prefix_space\":true", "pre_tokenizer",
                 "'add_prefix_space' = true");
  EXPECT_REFUSED("gpt2.json", "\"use_regex\":true", "\"use_regex\":false",
                 "pre_tokenizer", "'use_regex' = false");
  EXPECT_REFUSED("gpt2.json", "\"BPE\"", "\"Unigram\"", "model",
                 "unknown model type 'Unigram'");
  EXPECT_REFUSED("gpt2.json", "\"end_of_word_suffix\":null",
                 "\"end_of_word_suffix\":\"</w>\"", "model",
                 "'end_of_word_suffix' = '</w>'");
  EXPECT_REFUSED("gpt2.json", "\"byte_fallback\":false",
                 "\"byte_fallback\":true", "pre_tokenizer",
                 "unknown pre-tokenizer 'ByteLevel' before SentencePiece");
  EXPECT_REFUSED("llama2.json", "\"Prepend\"", "\"NFKC\"",
                 "normalizer.normalizers[0]", "unknown normalizer 'NFKC'");
  EXPECT_REFUSED("llama2.json", "\"prepend\":\"\u2581\"",
                 "\"prepend\":\"_\"", "normalizer.normalizers[0]",
                 "'prepend' = '_' is not supported");
  EXPECT_REFUSED("llama2.json", "\"ByteFallback\"", "\"WordPiece\"",
                 "decoder.decoders[1]", "unknown decoder 'WordPiece'");
  EXPECT_REFUSED("llama2.json", "\"ignore_merges\":false",
                 "\"ignore_merges\":true", "model", "'ignore_merges' = true");
  EXPECT_REFUSED("gemma.json", "\"String\":\" \"", "\"String\":\"x\"",
                 "normalizer", "'String' = 'x' is not supported");
  EXPECT_REFUSED("gpt2.json", "\"decoder\":{\n\"type\":\"ByteLevel\"",
                 "\"decoder\":{\n\"type\":\"WordPiece\"", "decoder",
                 "unknown decoder 'WordPiece'");
  EXPECT_REFUSED("gpt2.json", "\"post_processor\":null",
                 "\"post_processor\":{\"type\":\"BertProcessing\"}",
                 "post_processor", "unknown post-processor 'BertProcessing'");
  EXPECT_REFUSED("gpt2.json", "\"lstrip\":false", "\"lstrip\":true",
                 "added_tokens[0]", "'lstrip' = true");
}

TEST(TokenizerJson, NamesTheEntryOfAContradictoryVocabulary) {
  // In this file <|end|> has id 0 and ! has id 1.
  EXPECT_REFUSED("gpt2.json", "\"!\":1", "\"!\":2", "model.vocab", "have id 2");
  EXPECT_REFUSED("gpt2.json", "\"!\":1", "\"!\":-1", "model.vocab",
                 "token '!' has id -1");
  EXPECT_REFUSED("gpt2.json", "\"!\":1", "\"!\":2000000000", "model.vocab",
                 "token '!' has id 2000000000");
  EXPECT_REFUSED("gpt2.json", "\"!\":1", "\"!\":1.5", "model.vocab",
                 "fractional");
  EXPECT_REFUSED("gpt2.json", "\"id\":0", "\"id\":7", "added_tokens[0]",
                 "both have id 7");
  EXPECT_REFUSED("gpt2.json", "\"id\":0", "\"id\":500", "added_tokens[0]",
                 "token '<|end|>' has the ids 0 and 500");
  EXPECT_REFUSED("gpt2.json", "\"unk_token\":null", "\"unk_token\":\"?q\"",
                 "model", "'unk_token' = '?q' is not in the vocabulary");
  EXPECT_REFUSED("qwen2.json", "\"merges\":[", "\"merges\":[\"ab\",", "merge 0",
                 "'ab' is not two tokens");
  EXPECT_REFUSED("gpt2.json", "\"merges\":[", "\"merges\":[[\"a\"],",
                 "model.merges[0]", "a merge of 1 tokens");
  EXPECT_REFUSED("gpt2.json", "\"merges\":[", "\"merges\":[[\"a\",\"?q\"],",
                 "merge 0", "needs the token '?q'");
}

TEST(TokenizerJson, MakesHolesUnused) {
  const auto data = readChanged("gpt2.json", "\"!\":1", "\"!\":421");
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->tokens[1], "[PAD1]");
  EXPECT_EQ(data->types[1], TokenType::Unused);
  EXPECT_EQ(data->tokens[420], "[PAD420]");
  EXPECT_EQ(data->tokens[421], "!");
  const auto tokenizer = Tokenizer::create(*data);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode("!"), (std::vector<TokenId>{421}));
}

TEST(TokenizerJson, FindsTheBeginningAndEndInTheTemplate) {
  auto withTemplate = [](const std::string &id) {
    return R"("post_processor":{"type":"Sequence","processors":[)"
           R"({"type":"ByteLevel"},{"type":"TemplateProcessing","single":[)"
           R"({"SpecialToken":{"id":"B","type_id":0}},)"
           R"({"Sequence":{"id":"A","type_id":0}}],)"
           R"("special_tokens":{"B":{"id":"B","ids":[)" +
           id + R"(],"tokens":["B"]}}}]})";
  };
  const auto data =
      readChanged("gpt2.json", "\"post_processor\":null", withTemplate("0"));
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_TRUE(data->addBos);
  EXPECT_FALSE(data->addEos);
  EXPECT_EQ(data->bos, 0);
  EXPECT_REFUSED("gpt2.json", "\"post_processor\":null", withTemplate("420"),
                 "post_processor.processors[1].special_tokens.B.ids",
                 "id 420 is outside of the vocabulary of 420 tokens");
}

namespace {
// A checkpoint directory with the tokenizer of a fixture.
class TokenizerConfigs : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "qopt-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory = pattern;
    write("tokenizer.json", fixture("llama3.json"));
  }
  void TearDown() override { std::filesystem::remove_all(directory); }
  void write(const std::string &name, const std::string &text) {
    std::ofstream(directory + "/" + name) << text;
  }
  std::string refusal() {
    auto tokenizer = Tokenizer::load(directory);
    return tokenizer ? "accepted" : tokenizer.error().message;
  }
  std::string directory;
};
} // namespace

TEST_F(TokenizerConfigs, AreOptional) {
  const auto tokenizer = Tokenizer::load(directory);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->bos(), std::nullopt);
  EXPECT_FALSE(tokenizer->addBos());
  EXPECT_TRUE(tokenizer->data().ignoreMerges);
}

TEST_F(TokenizerConfigs, SupplySpecialTokensAndTheChatTemplate) {
  write("tokenizer_config.json",
        R"({"bos_token": {"content": "<|end|>"}, "eos_token": "<|end|>",
            "pad_token": null, "add_bos_token": true, "chat_template":
            [{"name": "tool", "template": "t"},
             {"name": "default", "template": "d"}]})");
  write("generation_config.json",
        R"({"bos_token_id": 5, "eos_token_id": [6, 7], "pad_token_id": 8})");
  auto tokenizer = Tokenizer::load(directory);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->bos(), 0);
  EXPECT_EQ(tokenizer->eos(), 0);
  EXPECT_EQ(tokenizer->pad(), 8);
  EXPECT_TRUE(tokenizer->addBos());
  EXPECT_EQ(tokenizer->data().stop, (std::vector<TokenId>{0, 6, 7}));
  EXPECT_EQ(tokenizer->data().chatTemplate, "d");

  write("chat_template.jinja", "j");
  EXPECT_EQ(Tokenizer::load(directory)->data().chatTemplate, "j");
}

TEST_F(TokenizerConfigs, AreRefusedWithTheFileThatIsWrong) {
  write("generation_config.json", R"({"eos_token_id": [0, 420]})");
  EXPECT_NE(refusal().find("generation_config.json: eos_token_id[1]: token id "
                           "420 is outside of the vocabulary of 420 tokens"),
            std::string::npos)
      << refusal();
  write("tokenizer_config.json", R"({"bos_token": "<|begin|>"})");
  EXPECT_NE(refusal().find("tokenizer_config.json: bos_token: token "
                           "'<|begin|>' is not in "),
            std::string::npos)
      << refusal();
}

TEST_F(TokenizerConfigs, NeedATokenizer) {
  std::filesystem::remove(directory + "/tokenizer.json");
  EXPECT_NE(refusal().find("tokenizer.json"), std::string::npos) << refusal();
}
