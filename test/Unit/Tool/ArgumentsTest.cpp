//===- ArgumentsTest.cpp - the command line of a verb ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Arguments.h"

#include <gtest/gtest.h>

using namespace qopt;

namespace {

/// The flags of an imagined verb, and what became of them.
struct Fixture {
  std::string model, output, text = "default";
  int64_t group = 128;
  std::optional<double> temperature;
  std::vector<std::string> types;
  std::optional<bool> symmetric;
  size_t format = 0;

  Result<bool> parse(std::vector<std::string> words) {
    Arguments arguments("quantize", "Quantizes.");
    arguments.positional("MODEL", "the model", model);
    arguments.optionalPositional("TEXT", "the text", text);
    arguments.required("-o,--output", "OUT", "where to write", output);
    arguments.option("--group", "N", "weights per scale", group);
    arguments.option("--temp", "T", "temperature", temperature);
    arguments.option("--tensor-type", "RE=T", "may be repeated", types);
    arguments.flag("--symmetric", "no zero points", symmetric);
    arguments.flag("--asymmetric", "zero points", symmetric, false);
    arguments.choice("--format", {"mlir", "gguf"}, "the output", format);
    helpText = arguments.help();
    std::vector<char *> pointers;
    for (std::string &word : words)
      pointers.push_back(word.data());
    return arguments.parse(pointers);
  }
  std::string errorOf(std::vector<std::string> words) {
    Result<bool> result = parse(std::move(words));
    if (result)
      return "no error";
    EXPECT_EQ(result.error().kind, ErrorKind::Usage);
    return result.error().message;
  }
  std::string helpText;
};

TEST(Arguments, ReadValuesInBothSpellings) {
  Fixture f;
  ASSERT_TRUE(f.parse({"m", "--group", "-1", "--temp=0.5", "--asymmetric",
                       "--tensor-type", "a=b", "--tensor-type=c=d", "--format",
                       "gguf", "-o", "out"}));
  EXPECT_EQ(f.model, "m");
  EXPECT_EQ(f.text, "default");
  EXPECT_EQ(f.output, "out");
  EXPECT_EQ(f.group, -1);
  EXPECT_EQ(f.temperature, 0.5);
  EXPECT_EQ(f.symmetric, false);
  EXPECT_EQ(f.types, (std::vector<std::string>{"a=b", "c=d"}));
  EXPECT_EQ(f.format, 1u);
}

TEST(Arguments, TakeAnythingAfterTwoDashesAsAWord) {
  Fixture f;
  ASSERT_TRUE(f.parse({"-o", "out", "--", "--strange"}));
  EXPECT_EQ(f.model, "--strange");
}

TEST(Arguments, SuggestTheNearestFlag) {
  Fixture f;
  EXPECT_EQ(f.errorOf({"m", "--grup", "64"}),
            "unknown flag '--grup', did you mean '--group'? (see qopt quantize "
            "--help)");
  EXPECT_EQ(f.errorOf({"m", "--entirely-different"}),
            "unknown flag '--entirely-different' (see qopt quantize --help)");
}

TEST(Arguments, RejectWrongAndMissingValues) {
  Fixture f;
  EXPECT_NE(f.errorOf({"m", "--group", "12x"}).find("needs an integer"),
            std::string::npos);
  EXPECT_NE(f.errorOf({"m", "--group", "99999999999999999999"})
                .find("needs an integer"),
            std::string::npos);
  EXPECT_NE(f.errorOf({"m", "--group", "--temp", "1"}).find("needs a value"),
            std::string::npos);
  EXPECT_NE(f.errorOf({"m", "-o"}).find("needs a value"), std::string::npos);
  EXPECT_NE(f.errorOf({"m", "--symmetric=yes"}).find("takes no value"),
            std::string::npos);
  EXPECT_NE(f.errorOf({"m", "--format", "zip"}).find("one of mlir|gguf"),
            std::string::npos);
  EXPECT_NE(f.errorOf({"m", "-o", "a", "-o", "b"}).find("given twice"),
            std::string::npos);
}

TEST(Arguments, RejectMissingAndSurplusWords) {
  Fixture f;
  EXPECT_NE(f.errorOf({"-o", "out"}).find("needs MODEL"), std::string::npos);
  EXPECT_NE(f.errorOf({"m"}).find("needs -o, --output OUT"), std::string::npos);
  EXPECT_NE(f.errorOf({"a", "b", "c"}).find("unexpected argument 'c'"),
            std::string::npos);
}

TEST(Arguments, ExplainEveryFlagInTheHelp) {
  Fixture f;
  ASSERT_TRUE(f.parse({"m", "-o", "out"}));
  EXPECT_TRUE(f.helpText.starts_with(
      "usage: qopt quantize MODEL [TEXT] -o OUT [flags]\n"));
  for (const char *part : {"--group N", "--format mlir|gguf", "-o, --output",
                           "weights per scale", "--help"})
    EXPECT_NE(f.helpText.find(part), std::string::npos) << part;
}

} // namespace
