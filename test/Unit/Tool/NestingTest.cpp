#include "Nesting.h"

#include <gtest/gtest.h>
#include <string>

using namespace qopt;

namespace {
std::string repeated(std::string_view text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i)
    result += text;
  return result;
}

std::string refusal(const std::string &text) {
  Status status = checkNesting(text, "m.mlir");
  return status ? "" : status.error().message;
}
} // namespace

TEST(Nesting, BracketsMayNest256Deep) {
  for (auto [open, close] :
       {std::pair("[", "]"), {"(", ")"}, {"{", "}"}, {"tuple<", ">"}}) {
    EXPECT_EQ(refusal(repeated(open, 256) + repeated(close, 256)), "");
    EXPECT_EQ(refusal("\n" + repeated(open, 257)),
              "m.mlir:2: brackets are nested more than 256 deep");
  }
  EXPECT_EQ(refusal(repeated("f() -> tuple<i1> {}\n", 1000)), "");
}

TEST(Nesting, BracketsInStringsAndCommentsDoNotCount) {
  EXPECT_EQ(refusal("\"" + repeated("[", 3000) + "\""), "");
  EXPECT_EQ(refusal("\"\\\"" + repeated("[", 3000) + "\""), "");
  EXPECT_EQ(refusal("// " + repeated("[", 3000)), "");
  EXPECT_EQ(refusal("tensor<4x // " + repeated("<", 3000) + "\nf32>"), "");
  EXPECT_NE(refusal("// \"\n" + repeated("[", 3000)), "");
  EXPECT_NE(refusal("\"//\"" + repeated("[", 3000)), "");
}

TEST(Nesting, CommentsInDialectBodiesCannotHideBrackets) {
  const std::string refused =
      "m.mlir:1: a comment inside of a dialect's attribute or type";
  EXPECT_EQ(refusal("#qopt.file<//>, [[["), refused);
  EXPECT_EQ(refusal("!d.t <<=> // >"), refused);
  EXPECT_EQ(refusal("!d.t<-> // >"), refused);
  EXPECT_EQ(refusal("#qopt.file<\"//\"> // all right"), "");
}

TEST(Nesting, AliasesNestWhatTheyName) {
  std::string chain = "!t0 = tuple<i1>\n";
  for (int i = 1; i < 3000; ++i)
    chain += "!t" + std::to_string(i) + " // =\n = tuple<!t" +
             std::to_string(i - 1) + ">\n";
  EXPECT_NE(refusal(chain).find("aliases in them are nested more than 256"),
            std::string::npos);
  std::string many = "#m = affine_map<(d0) -> (d0)>\nf(#m) {\n";
  for (int i = 0; i < 3000; ++i)
    many += "use(#m)\n#m" + std::to_string(i) + " = [#m]\n";
  EXPECT_EQ(refusal(many), "");
}

TEST(Nesting, ExpressionsHaveABoundedNumberOfOperators) {
  const std::string refused =
      "m.mlir:1: an expression has more than 4096 operators";
  EXPECT_EQ(refusal("(d0" + repeated(" + d1", 4097) + ")"), refused);
  EXPECT_EQ(refusal("(d0" + repeated(" mod 3", 4097) + ")"), refused);
  EXPECT_EQ(refusal("(" + repeated("- ", 4097) + "d0)"), refused);
  EXPECT_EQ(refusal("[" + repeated("-1.0e+01, ", 10000) + "]"), "");
}

TEST(Nesting, BytecodeMayHave2048BracketsInAnAttribute) {
  std::string most = std::string("ML\xefR") + repeated("[<", 1024);
  EXPECT_EQ(refusal(most), "");
  EXPECT_EQ(refusal(repeated(most + '\0', 10)), "");
  EXPECT_EQ(refusal(most + "("),
            "m.mlir: at byte 2052: an attribute or type has more than 2048 "
            "brackets; use the text form");
}
