//===- IntegerTest.cpp - integers and bits in the PTX emulator ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Kernel.h"

#include <random>

using namespace ptx;
using namespace ptx::test;

namespace {

TEST(PtxInteger, SumsWrapAndDifferencesBorrow) {
  EXPECT_EQ(value("add.u32 %r32, %r0, %r1;", {0xffffffff, 2}), 1u);
  EXPECT_EQ(value("sub.s32 %r32, %r0, %r1;", {1, 3}), 0xfffffffeu);
  EXPECT_EQ(value("add.sat.s32 %r32, %r0, %r1;", {0x7fffffff, 1}), 0x7fffffffu);
  EXPECT_EQ(
      value(
          "cvt.u16.u32 %h0, %r0; add.u16 %h1, %h0, %h0; cvt.u32.u16 %r32, %h1;",
          {0x9000}),
      0x2000u);
}

TEST(PtxInteger, CarriesChainThroughTwoWords) {
  const char *body = "add.cc.u32 %r32, %r0, %r1; addc.u32 %r33, %r2, %r3;";
  std::vector<Words> out = lanes(
      body, {Words(32, 0xffffffff), Words(32, 1), Words(32, 5), Words(32, 6)},
      2);
  EXPECT_EQ(out[0][3], 0u);
  EXPECT_EQ(out[1][3], 12u);
  body = "sub.cc.u32 %r32, %r0, %r1; subc.u32 %r33, %r2, %r3;";
  out =
      lanes(body, {Words(32, 0), Words(32, 1), Words(32, 5), Words(32, 2)}, 2);
  EXPECT_EQ(out[0][3], 0xffffffffu);
  EXPECT_EQ(out[1][3], 2u);
}

TEST(PtxInteger, ProductsHaveLowHighAndWideParts) {
  EXPECT_EQ(value("mul.lo.s32 %r32, %r0, %r1;", {0x10001, 0x10001}), 0x20001u);
  EXPECT_EQ(value("mul.hi.u32 %r32, %r0, %r1;", {0x80000000, 6}), 3u);
  EXPECT_EQ(value("mul.hi.s32 %r32, %r0, %r1;", {0x80000000, 6}), 0xfffffffdu);
  EXPECT_EQ(value("mad.lo.s32 %r32, %r0, %r1, %r2;", {7, 0xffffffff, 10}), 3u);
  const char *wide = "mul.wide.s32 %d0, %r0, %r1; mov.b64 {%r33, %r32}, %d0;";
  EXPECT_EQ(value(wide, {0xfffffffe, 3}), 0xffffffffu);
  wide = "mov.b64 %d1, {%r2, %r3}; mad.wide.u32 %d0, %r0, %r1, %d1; mov.b64 "
         "{%r33, %r32}, %d0;";
  EXPECT_EQ(value(wide, {0x80000000, 4, 7, 1}), 3u);
  wide = "cvt.u16.u32 %h0, %r0; cvt.u16.u32 %h1, %r1; mul.wide.s16 %r32, %h0, "
         "%h1;";
  EXPECT_EQ(value(wide, {0xffff, 5}), 0xfffffffbu);
  EXPECT_EQ(value("mul24.lo.s32 %r32, %r0, %r1;", {0xff000002, 3}), 6u);
}

TEST(PtxInteger, DivisionTruncatesTowardsZero) {
  EXPECT_EQ(value("div.s32 %r32, %r0, %r1;", {uint32_t(-7), 2}), uint32_t(-3));
  EXPECT_EQ(value("rem.s32 %r32, %r0, %r1;", {uint32_t(-7), 2}), uint32_t(-1));
  EXPECT_EQ(value("div.s32 %r32, %r0, %r1;", {0x80000000, uint32_t(-1)}),
            0x80000000u);
  EXPECT_EQ(value("div.u32 %r32, %r0, %r1;", {uint32_t(-7), 2}), 0x7ffffffcu);
}

TEST(PtxInteger, ComparisonsHonourSigns) {
  EXPECT_EQ(value("min.s32 %r32, %r0, %r1;", {uint32_t(-1), 1}), uint32_t(-1));
  EXPECT_EQ(value("min.u32 %r32, %r0, %r1;", {uint32_t(-1), 1}), 1u);
  EXPECT_EQ(value("max.s16x2 %r32, %r0, %r1;", {0xffff0005, 0x00010003}),
            0x00010005u);
  EXPECT_EQ(value("abs.s32 %r32, %r0;", {uint32_t(-9)}), 9u);
  EXPECT_EQ(value("neg.s32 %r32, %r0;", {9}), uint32_t(-9));
  EXPECT_EQ(value("sad.s32 %r32, %r0, %r1, %r2;", {uint32_t(-2), 5, 1}), 8u);
  EXPECT_EQ(value("setp.lt.s32 %p0, %r0, %r1; selp.b32 %r32, 1, 2, %p0;",
                  {uint32_t(-1), 1}),
            1u);
  EXPECT_EQ(value("setp.lt.u32 %p0, %r0, %r1; selp.b32 %r32, 1, 2, %p0;",
                  {uint32_t(-1), 1}),
            2u);
  EXPECT_EQ(
      value("setp.ge.s32 %p1, 0, 0; setp.eq.and.u32 %p0|%p2, %r0, %r1, !%p1;"
            "selp.b32 %r32, 1, 2, %p2;",
            {1, 2}),
      2u);
  EXPECT_EQ(value("set.lt.u32.s32 %r32, %r0, %r1;", {uint32_t(-1), 1}),
            0xffffffffu);
  EXPECT_EQ(value("slct.b32.s32 %r32, %r0, %r1, %r2;", {10, 20, uint32_t(-1)}),
            20u);
}

TEST(PtxInteger, PredicatesCombine) {
  const char *body =
      "setp.eq.u32 %p0, %r0, 1; setp.eq.u32 %p1, %r1, 1;"
      "xor.pred %p2, %p0, %p1; and.pred %p3, %p2, %p0; not.pred %p4, %p3;"
      "selp.u32 %r32, 1, 0, %p4;";
  EXPECT_EQ(value(body, {1, 0}), 0u);
  EXPECT_EQ(value(body, {1, 1}), 1u);
}

TEST(PtxInteger, ShiftsClampTheirCount) {
  EXPECT_EQ(value("shl.b32 %r32, %r0, %r1;", {1, 32}), 0u);
  EXPECT_EQ(value("shr.s32 %r32, %r0, %r1;", {0x80000000, 99}), 0xffffffffu);
  EXPECT_EQ(value("shr.u32 %r32, %r0, %r1;", {0x80000000, 31}), 1u);
  EXPECT_EQ(value("shf.l.wrap.b32 %r32, %r0, %r1, %r2;",
                  {0x80000001, 0x00000002, 33}),
            5u);
  EXPECT_EQ(value("shf.r.clamp.b32 %r32, %r0, %r1, %r2;", {1, 0xabcd, 40}),
            0xabcdu);
  EXPECT_EQ(value("shf.r.wrap.b32 %r32, %r0, %r0, 8;", {0x11223344}),
            0x44112233u);
}

TEST(PtxInteger, Lop3IsATruthTable) {
  // immLut = F(0xf0, 0xcc, 0xaa) (PTX ISA, lop3).
  std::mt19937 random(1);
  for (auto [table, f] :
       std::vector<std::pair<int, uint32_t (*)(uint32_t, uint32_t, uint32_t)>>{
           {0xea,
            [](uint32_t a, uint32_t b, uint32_t c) { return (a & b) | c; }},
           {0x6a,
            [](uint32_t a, uint32_t b, uint32_t c) { return (a & b) ^ c; }},
           {0x96, [](uint32_t a, uint32_t b, uint32_t c) { return a ^ b ^ c; }},
           {0xe8, [](uint32_t a, uint32_t b,
                     uint32_t c) { return (a & b) | (a & c) | (b & c); }},
           {0xb8, [](uint32_t a, uint32_t b, uint32_t c) {
              return (a & b) | (~b & c);
            }}}) {
    uint32_t a = random(), b = random(), c = random();
    if (table == 0xb8) // a mux, whose table follows from the definition
      table = (0xf0 & 0xcc) | (~0xcc & 0xaa & 0xff);
    EXPECT_EQ(
        value("lop3.b32 %r32, %r0, %r1, %r2, " + std::to_string(table) + ";",
              {a, b, c}),
        f(a, b, c));
  }
}

TEST(PtxInteger, PrmtSelectsBytesAndSigns) {
  EXPECT_EQ(value("prmt.b32 %r32, %r0, %r1, 0x7531;", {0x33221100, 0x77665544}),
            0x77553311u);
  EXPECT_EQ(value("prmt.b32 %r32, %r0, %r1, 0x9a80;", {0x0080ff7f, 0}),
            0xffff007fu);
  EXPECT_EQ(
      value("prmt.b32.f4e %r32, %r0, %r1, %r2;", {0x33221100, 0x77665544, 1}),
      0x44332211u);
  EXPECT_EQ(
      value("prmt.b32.b4e %r32, %r0, %r1, %r2;", {0x33221100, 0x77665544, 1}),
      0x66770011u);
  EXPECT_EQ(value("prmt.b32.rc8 %r32, %r0, %r1, %r2;", {0x33221100, 0, 2}),
            0x22222222u);
  EXPECT_EQ(value("prmt.b32.rc16 %r32, %r0, %r1, %r2;", {0x33221100, 0, 1}),
            0x33223322u);
}

TEST(PtxInteger, FieldsAreExtractedAndInserted) {
  EXPECT_EQ(value("bfe.u32 %r32, %r0, 4, 8;", {0xabcdef12}), 0xf1u);
  EXPECT_EQ(value("bfe.s32 %r32, %r0, 4, 8;", {0xabcdef12}), 0xfffffff1u);
  EXPECT_EQ(value("bfe.u32 %r32, %r0, 28, 8;", {0xabcdef12}), 0xau);
  EXPECT_EQ(value("bfe.s32 %r32, %r0, 28, 8;", {0xabcdef12}), 0xfffffffau);
  EXPECT_EQ(value("bfe.u32 %r32, %r0, 3, 0;", {0xabcdef12}), 0u);
  EXPECT_EQ(value("bfi.b32 %r32, %r0, %r1, 8, 4;", {0xfa, 0}), 0xa00u);
  EXPECT_EQ(value("bfi.b32 %r32, %r0, %r1, 32, 4;", {0xfa, 7}), 7u);
}

TEST(PtxInteger, BitsAreCounted) {
  EXPECT_EQ(value("popc.b32 %r32, %r0;", {0xf0f00001}), 9u);
  EXPECT_EQ(value("clz.b32 %r32, %r0;", {0x00010000}), 15u);
  EXPECT_EQ(value("clz.b32 %r32, %r0;", {0}), 32u);
  EXPECT_EQ(value("brev.b32 %r32, %r0;", {0x80000001}), 0x80000001u);
  EXPECT_EQ(value("brev.b32 %r32, %r0;", {1}), 0x80000000u);
  EXPECT_EQ(value("bfind.u32 %r32, %r0;", {0x00010000}), 16u);
  EXPECT_EQ(value("bfind.s32 %r32, %r0;", {0xffffffff}), 0xffffffffu);
  EXPECT_EQ(value("bfind.shiftamt.u32 %r32, %r0;", {0x00010000}), 15u);
}

TEST(PtxInteger, DotProductsOfBytes) {
  EXPECT_EQ(
      value("dp4a.s32.s32 %r32, %r0, %r1, %r2;", {0xff020304, 0x01020304, 100}),
      128u);
  EXPECT_EQ(
      value("dp4a.u32.u32 %r32, %r0, %r1, %r2;", {0xff000000, 0x02000000, 0}),
      510u);
}

TEST(PtxInteger, VectorsPackFromTheLowEnd) {
  EXPECT_EQ(
      value("mov.b32 {%h0, %h1}, %r0; mov.b32 %r32, {%h1, %h0};", {0x12345678}),
      0x56781234u);
  std::vector<Words> out =
      lanes("mov.b64 %d0, {%r0, %r1}; mov.b128 %q0, {%d0, 9};"
            "mov.b128 {%d1, %d2}, %q0; mov.b64 {%r32, %r33}, %d1;"
            "cvt.u32.u64 %r34, %d2;",
            {Words(32, 3), Words(32, 4)}, 3);
  EXPECT_EQ(out[0][0], 3u);
  EXPECT_EQ(out[1][0], 4u);
  EXPECT_EQ(out[2][0], 9u);
}

TEST(PtxInteger, ConversionsExtendAndSaturate) {
  EXPECT_EQ(value("cvt.s32.s8 %r32, %r0;", {0x80}), 0xffffff80u);
  EXPECT_EQ(value("cvt.u32.u8 %r32, %r0;", {0x1ff}), 0xffu);
  EXPECT_EQ(value("cvt.sat.s8.s32 %r32, %r0;", {300}), 127u);
  EXPECT_EQ(value("cvt.sat.u8.s32 %r32, %r0;", {uint32_t(-5)}), 0u);
  EXPECT_EQ(
      value("cvt.s64.s32 %d0, %r0; mov.b64 {%r33, %r32}, %d0;", {uint32_t(-2)}),
      0xffffffffu);
}

} // namespace
