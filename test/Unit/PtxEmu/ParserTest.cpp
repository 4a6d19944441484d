//===- ParserTest.cpp - PTX text in the emulator --------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Kernel.h"

#include <random>

using namespace ptx;
using namespace ptx::test;

namespace {

std::string errorOf(const std::string &text, int *line = nullptr) {
  Outcome result = run(text, {}, 1);
  if (line)
    *line = result.line;
  return result.error;
}

TEST(PtxParser, UnsupportedIsAnErrorWithItsLine) {
  int line = 0;
  EXPECT_EQ(errorOf(module("mov.u32 %r0, 1;\ntex.2d.v4.f32.s32 {%r0, %r1, %r2, "
                           "%r3}, [%d0];"),
                    &line),
            "unsupported instruction 'tex.2d.v4.f32.s32'");
  EXPECT_EQ(line, firstLine + 1);
  EXPECT_EQ(errorOf(module("add.fast.u32 %r0, 1, 2;")),
            "unsupported modifier '.fast' of 'add.fast.u32'");
  EXPECT_NE(errorOf(module("mov.u32 %r0, %pm0;")).find("'%pm0'"),
            std::string::npos);
  EXPECT_NE(errorOf(module("mov.u32 %r99, 1;")).find("not a register"),
            std::string::npos);
  EXPECT_NE(errorOf(module("bra NOWHERE;")).find("'NOWHERE' is not defined"),
            std::string::npos);
}

TEST(PtxParser, InnerScopesHideRegisters) {
  const char *body =
      "mov.u32 %r32, 5;\n{ .reg .b32 %r32, t; .reg .pred p; mov.u32 %r32, 6; "
      "setp.eq.u32 p, %r32, 6; mov.u32 t, 1; }\n";
  EXPECT_EQ(value(body, {}), 5u);
}

TEST(PtxParser, CommentsDirectivesAndNumbers) {
  const char *body =
      "/* a\n b */ mov.u32 %r0, 0x10; // c\n.loc 1 2 3\nadd.u32 %r0, %r0, -1; "
      "add.u32 %r0, %r0, 010; add.u32 %r32, %r0, 0b11;"
      ".pragma \"nounroll\";\n";
  EXPECT_EQ(value(body, {}), 16u - 1 + 8 + 3);
}

TEST(PtxParser, PointerParametersAndTuningDirectives) {
  std::string text = R"(.version 7.0
.target sm_80, debug
.address_size 64
	.file	1 "a.cu"
.visible .entry k(
	.param .u64 .ptr .global .align 16 k_param_0,
	.param .u64 .ptr .align 1 k_param_1
)
.maxntid 128, 1, 1
.maxnreg 64
{
	.reg .b64 	%rd<3>;
	ld.param.b64 	%rd1, [k_param_1];
	st.global.b32 	[%rd1], 4;
	ret;
}
	.section	.debug_str
	{
.b8 1, 2
	}
)";
  Outcome result = run(text, {}, 1);
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.out, Words{4});
}

TEST(PtxParser, OlderOrForeignTextIsRefused) {
  EXPECT_NE(errorOf(".version 6.0\n.target sm_70\n").find("older than 7.0"),
            std::string::npos);
  EXPECT_NE(errorOf("hello").find("unknown directive"), std::string::npos);
  EXPECT_NE(errorOf("").find("not PTX"), std::string::npos);
}

TEST(PtxParser, TruncatedAndDamagedTextIsAnError) {
  std::string text =
      module(".shared .align 4 .b8 s[16]; mov.u32 %r0, s; st.shared.b32 [%r0], "
             "1; @%p0 bra L;\nL: mov.b64 {%r1, %r2}, %d0;");
  for (size_t length = 0; length < text.size(); ++length)
    try {
      parse(text.substr(0, length));
    } catch (const Error &) {
    }
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = text;
    for (int edit = 0; edit < 3; ++edit)
      damaged[random() % damaged.size()] =
          char(" ;,.{}[]%@:<>+-0f1x\"\n"[random() % 21]);
    try {
      Module module = parse(damaged);
      for (auto &[name, entry] : module.entries)
        compile(module, entry);
    } catch (const Error &) {
    }
  }
}

} // namespace
