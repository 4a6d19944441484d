#include "Json.h"

#include <gtest/gtest.h>

using qopt::runtime::Json;

static std::string errorOf(std::string_view text) {
  Json value;
  std::string error;
  return Json::parse(text, value, error) ? "" : error;
}

TEST(RuntimeJson, ReadsEveryKindOfValue) {
  Json value;
  std::string error;
  ASSERT_TRUE(Json::parse(R"( {"a": [1, -2.5e1, true, false, null],
                              "b": {"c": "x\"\\\n\u00e9\ud83d\ude00"}} )",
                          value, error))
      << error;
  const Json &list = *value.find("a");
  ASSERT_EQ(list.elements.size(), 5u);
  EXPECT_EQ(list.elements[0].integer, 1);
  EXPECT_EQ(list.elements[0].number, 1);
  EXPECT_EQ(list.elements[1].kind, Json::Kind::Double);
  EXPECT_EQ(list.elements[1].number, -25);
  EXPECT_TRUE(list.elements[2].flag);
  EXPECT_EQ(list.elements[3].kind, Json::Kind::Bool);
  EXPECT_FALSE(list.elements[3].flag);
  EXPECT_EQ(list.elements[4].kind, Json::Kind::Null);
  EXPECT_EQ(value.find("b")->find("c")->text, "x\"\\\n\u00e9\U0001f600");
  EXPECT_EQ(value.find("d"), nullptr);
  EXPECT_EQ(list.find("d"), nullptr);
}

TEST(RuntimeJson, NamesThePlaceOfWhatIsWrong) {
  EXPECT_EQ(errorOf(""), "byte 0: the text ends early");
  EXPECT_EQ(errorOf("[1,"), "byte 3: the text ends early");
  EXPECT_EQ(errorOf("[1 2]"), "byte 3: expected , or ]");
  EXPECT_EQ(errorOf("{\"a\" 1}"), "byte 5: expected :");
  EXPECT_EQ(errorOf("{a: 1}"), "byte 1: expected a key");
  EXPECT_EQ(errorOf("{\"a\": 1, \"a\": 2}"),
            "byte 12: the key stands there already");
  EXPECT_EQ(errorOf("1 2"), "byte 2: text follows the value");
  EXPECT_EQ(errorOf("nul"), "byte 0: not a value");
  EXPECT_EQ(errorOf("-"), "byte 0: not a value");
  EXPECT_EQ(errorOf("\"a"), "byte 2: the string does not end");
  EXPECT_EQ(errorOf("\"\\x\""), "byte 2: an unknown escape");
  EXPECT_EQ(errorOf("\"\\u12\""), "byte 3: the string does not end");
  EXPECT_EQ(errorOf("\"\\u12xy\""), "byte 3: not four hexadecimal digits");
  EXPECT_EQ(errorOf("\"\\udc00\""), "byte 7: half of a surrogate pair");
  EXPECT_EQ(errorOf("\"\n\""), "byte 1: a control character in a string");
  EXPECT_EQ(errorOf(std::string(100, '[')), "byte 33: nested too deeply");
}
