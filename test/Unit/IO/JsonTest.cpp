#include "qopt/IO/Json.h"
#include "TestFiles.h"

#include <cmath>

using namespace qopt;
using namespace qopt::test;

namespace {
JsonDocument parsed(std::string_view text) {
  auto document = JsonDocument::parse(text, "c.json");
  EXPECT_TRUE(document) << document.error().message;
  return std::move(*document);
}

std::string messageOf(std::string_view text) {
  auto document = JsonDocument::parse(text, "c.json");
  EXPECT_FALSE(document) << text;
  return document ? "" : document.error().message;
}
} // namespace

TEST(Json, AnswersByType) {
  JsonDocument document = parsed(
      R"({"a": 1, "b": -2, "c": 18446744073709551615, "d": 0.5, "e": true,
          "f": "x\u00e9\ud83d\ude00", "g": [1, {"h": null}], "i": 1e3})");
  JsonValue root = document.root();
  EXPECT_EQ(root.getInt("a").value(), 1);
  EXPECT_EQ(root.getUnsigned("a").value(), 1u);
  EXPECT_EQ(root.getInt("b").value(), -2);
  EXPECT_EQ(root.getUnsigned("c").value(), UINT64_MAX);
  EXPECT_EQ(root.getDouble("d").value(), 0.5);
  EXPECT_EQ(root.getDouble("b").value(), -2.0);
  EXPECT_EQ(root.getDouble("i").value(), 1000.0);
  EXPECT_TRUE(root.getBool("e").value());
  EXPECT_EQ(root.getString("f").value(), "xé😀");
  EXPECT_EQ(root.getArray("g").value().size(), 2u);
  EXPECT_EQ(root.get("g").value()[0].asInt().value(), 1);
  EXPECT_EQ(root.size(), 8u);
  EXPECT_EQ(root.key(6), "g");
}

TEST(Json, AbsentAndNullTakeTheFallbackButWrongTypesDoNot) {
  JsonDocument document = parsed(R"({"n": null, "s": "x"})");
  JsonValue root = document.root();
  EXPECT_FALSE(root.find("n"));
  EXPECT_EQ(root.getInt("n", 7).value(), 7);
  EXPECT_EQ(root.getInt("m", 8).value(), 8);
  EXPECT_EQ(root.getString("m", "y").value(), "y");
  EXPECT_FALSE(root.getInt("s", 7));
  EXPECT_FALSE(root.getInt("n"));
}

TEST(Json, ErrorsNameFileAndPath) {
  JsonDocument document =
      parsed(R"({"rope": {"factors": [1, 1.9], "a.b": {"c": -1}}})");
  JsonValue rope = document.root().get("rope").value();
  EXPECT_EQ(rope.get("factors").value()[1].asInt().error().message,
            "c.json: rope.factors[1]: expected an integer, found a fractional "
            "or too large number");
  EXPECT_EQ(
      rope.get("a.b").value().getUnsigned("c").error().message,
      "c.json: rope[\"a.b\"].c: expected an integer of at least 0, found -1");
  EXPECT_EQ(rope.getInt("heads").error().message,
            "c.json: rope: key \"heads\" is missing");
  EXPECT_EQ(document.root().getInt("rope").error().message,
            "c.json: rope: expected an integer, found an object");
}

TEST(Json, NumbersThatDoNotFitAreRefused) {
  JsonDocument document =
      parsed(R"([1.9, 2.0, 9223372036854775808, 18446744073709551616])");
  JsonValue root = document.root();
  for (size_t i = 0; i < root.size(); ++i)
    EXPECT_FALSE(root[i].asInt()) << i;
  EXPECT_EQ(root[2].asUnsigned().value(), uint64_t(1) << 63);
  EXPECT_FALSE(root[3].asUnsigned());
  EXPECT_EQ(root[3].asDouble().value(), 0x1p64);
  for (const char *text : {"NaN", "[NaN]", "Infinity", "-Infinity", "1e999",
                           "01", "+1", "0x10", ".5"})
    messageOf(text);
}

TEST(Json, DepthIsLimited) {
  auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(JsonDocument::parse(nested(64), "f"));
  EXPECT_EQ(messageOf(nested(65)), "c.json: nested deeper than 64 levels");
  messageOf(nested(1'000'000));
  messageOf(std::string(1'000'000, '['));
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i)
    objects += "{\"a\":";
  messageOf(objects);
}

TEST(Json, DuplicateKeysAreRefusedAtAnyLevel) {
  EXPECT_EQ(messageOf(R"({"a": 1, "b": 2, "a": 1})"),
            "c.json: duplicate key \"a\"");
  EXPECT_EQ(messageOf(R"({"x": [{"k": 1, "\u006b": 2}]})"),
            "c.json: duplicate key \"k\" in x[0]");
  EXPECT_TRUE(JsonDocument::parse(R"({"a": {"a": 1}, "b": {"a": 1}})", "f"));
}

TEST(Json, MalformedTextIsRefusedWithItsOffset) {
  for (std::string_view text :
       {"", " ", "{", "[1,]", "{\"a\":}", "{\"a\" 1}", "{a: 1}", "nul", "\"",
        "\"\\x\"", "\"\n\"", "1 2", "[1]x", "\"\xFF\"", "\"\xC0\x80\"",
        "\"\xED\xA0\x80\"", "\"\\ud800\"", "\"\\udc00x\"", "// c\n1"})
    EXPECT_NE(messageOf(text).find("at byte"), std::string::npos) << text;
  // However long the token, the message is short and well-formed.
  std::string message = messageOf("[" + std::string(100'000, '\xFF') + "]");
  EXPECT_LT(message.size(), 400u);
  EXPECT_TRUE(isUtf8(message));
}

TEST(Json, EveryTruncationAndMutationEndsInAnAnswer) {
  std::string valid =
      R"({"model": {"vocab": {"a": 0, "b\u00e9": 1}, "merges": ["a b", ["c",)"
      R"( "d"]]}, "x": [1.5e3, -7, true, null], "y": {}})";
  ASSERT_TRUE(JsonDocument::parse(valid, "f"));
  for (size_t size = 0; size < valid.size(); ++size)
    EXPECT_FALSE(JsonDocument::parse(valid.substr(0, size), "f")) << size;
  mutate(valid, 5000, [](ByteSpan bytes) {
    std::string_view text(reinterpret_cast<const char *>(bytes.data()),
                          bytes.size());
    auto document = JsonDocument::parse(text, "f");
    if (!document)
      EXPECT_FALSE(document.error().message.empty());
    else
      (void)document->root().getObject("model");
  });
}

TEST(JsonWriter, WritesWhatTheReaderReads) {
  JsonWriter json;
  json.beginObject().member("z", 1).member("a", -0.1).key("list").beginArray();
  json.value("q\"\\\n\x01é").value(true).null().value(UINT64_MAX).value(1.0);
  json.beginObject().endObject().beginArray().endArray();
  json.value(std::nan("")).value(1e300).value(1e-5).endArray().endObject();
  EXPECT_EQ(json.text(), R"({"z":1,"a":-0.1,"list":["q\"\\\n\u0001é",true,)"
                         R"(null,18446744073709551615,1.0,{},[],null,1e+300,)"
                         R"(1e-05]})");
  JsonDocument document = parsed(json.text());
  JsonValue list = document.root().get("list").value();
  EXPECT_EQ(list[0].asString().value(), "q\"\\\n\x01é");
  EXPECT_EQ(list[4].kind(), JsonKind::Double);
  EXPECT_EQ(jsonQuote("a\xFF"), "\"a\uFFFD\"");
}

TEST(JsonWriter, Indents) {
  JsonWriter json(2);
  json.beginObject().member("a", 1).key("b").beginArray().value(2).endArray();
  json.key("c").beginObject().endObject().endObject();
  EXPECT_EQ(json.text(),
            "{\n  \"a\": 1,\n  \"b\": [\n    2\n  ],\n  \"c\": {}\n}");
}
