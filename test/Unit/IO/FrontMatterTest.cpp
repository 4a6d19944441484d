//===- FrontMatterTest.cpp - what a model card says in front --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/FrontMatter.h"

#include <gtest/gtest.h>

using namespace qopt;
using Card = std::map<std::string, std::vector<std::string>>;

TEST(FrontMatter, ReadsStringsAndLists) {
  Card expected = {{"license", {"apache-2.0"}},
                   {"version", {"1.0"}},
                   {"link", {"https://a.b/c#d"}},
                   {"tags", {"chat", "two: words", "no", "-x"}},
                   {"language", {"en", "zh, tw", "de"}},
                   {"quoted", {"it's"}},
                   {"escaped", {"a \"b\"\n"}},
                   {"base_model", {"maker/model"}}};
  EXPECT_EQ(readFrontMatter("---\n"
                            "# a comment\n"
                            "license: apache-2.0\n"
                            "version: 1.0   # as text\n"
                            "link: https://a.b/c#d\n"
                            "tags:\n"
                            "  - chat\n"
                            "  - \"two: words\"\n"
                            "\n"
                            "  - no\n"
                            "  - -x\n"
                            "language: [en, 'zh, tw', de]\n"
                            "quoted: 'it''s'\n"
                            "escaped: \"a \\\"b\\\"\\n\" # b\n"
                            "base_model:\n"
                            "- maker/model\n"
                            "---\n"
                            "license: of the text\n"),
            expected);
}

TEST(FrontMatter, LeavesOutWhatIsNeither) {
  EXPECT_EQ(readFrontMatter("---\n"
                            "empty:\n"
                            "null_1: null\n"
                            "null_2: ~\n"
                            "map:\n"
                            "  license: inner\n"
                            "  - item\n"
                            "flow: {a: b}\n"
                            "block: |\n"
                            "  text\n"
                            "  - text\n"
                            "maps:\n"
                            "- name: x\n"
                            "  value: y\n"
                            "alias: *a\n"
                            "open: \"x\n"
                            "bytes: \xff\n"
                            "kept: 1\n"
                            "---"),
            (Card{{"kept", {"1"}}}));
}

TEST(FrontMatter, NeedsBothLines) {
  EXPECT_TRUE(readFrontMatter("").empty());
  EXPECT_TRUE(readFrontMatter("license: mit\n---\n").empty());
  EXPECT_TRUE(readFrontMatter("---\nlicense: mit\n").empty());
  EXPECT_TRUE(readFrontMatter("---\nlicense: mit\n----\n").empty());
  EXPECT_TRUE(readFrontMatter("---").empty());
  EXPECT_EQ(readFrontMatter("---\r\nlicense: mit\r\n---\r\n"),
            (Card{{"license", {"mit"}}}));
}
