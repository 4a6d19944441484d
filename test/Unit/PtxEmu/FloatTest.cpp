//===- FloatTest.cpp - floating point in the PTX emulator -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Kernel.h"

#include <bit>
#include <cmath>
#include <random>

using namespace ptx;
using namespace ptx::test;

// The compiler's own half precision is the oracle: it shares nothing with
// Float.h. Its conversions from long double round the exact sum of 64 bits
// once.
namespace {

uint32_t word(float value) { return std::bit_cast<uint32_t>(value); }
float real(uint32_t bits) { return std::bit_cast<float>(bits); }
_Float16 half(uint16_t bits) { return std::bit_cast<_Float16>(bits); }
uint16_t halfBits(_Float16 value) { return std::bit_cast<uint16_t>(value); }
float brain(uint32_t bits) { return real(bits << 16); }

/// To nearest even, by comparing the two neighbours.
uint16_t brainBits(long double value) {
  uint32_t low = word(float(value)) >> 16;
  uint16_t best = uint16_t(low);
  long double error = INFINITY;
  for (int step = -1; step <= 1; ++step) {
    uint16_t candidate = uint16_t(low + step);
    long double difference = std::fabs((long double)(brain(candidate)) - value);
    if (difference < error || (difference == error && !(candidate & 1))) {
      best = candidate;
      error = difference;
    }
  }
  return best;
}

TEST(PtxFloat, EveryHalfConvertsThereAndBack) {
  for (uint32_t first = 0; first < 0x10000; first += 1024) {
    Words in(1024);
    for (uint32_t i = 0; i < 1024; ++i)
      in[i] = first + i;
    std::vector<Words> out =
        lanes("cvt.u16.u32 %h0, %r0; cvt.f32.f16 %r32, %h0;"
              "cvt.rn.f16.f32 %h1, %r32; cvt.u32.u16 %r33, %h1;",
              {in}, 2, {1, 1024});
    for (uint32_t i = 0; i < 1024; ++i) {
      float expected = float(half(uint16_t(in[i])));
      if (expected != expected) {
        EXPECT_TRUE(std::isnan(real(out[0][i])));
        EXPECT_EQ(out[1][i], 0x7fffu); // the canonical NaN
        continue;
      }
      EXPECT_EQ(out[0][i], word(expected));
      EXPECT_EQ(out[1][i], in[i]);
    }
  }
}

TEST(PtxFloat, NarrowingRoundsToNearestEven) {
  std::mt19937 random(2);
  Words in(1024);
  for (uint32_t round = 0; round < 16; ++round) {
    for (uint32_t &value : in) // exponents around the whole range of f16
      value = (random() & 0x807fffffu) | (100 + random() % 48) << 23;
    for (uint32_t i = 0; i < 512; ++i) // ties
      in[i] &= 0xfffff000u;
    std::vector<Words> out =
        lanes("cvt.rn.f16x2.f32 %r32, %r0, %r0; cvt.rn.bf16.f32 %h0, %r0;"
              "cvt.u32.u16 %r33, %h0;",
              {in}, 2, {1, 1024});
    for (uint32_t i = 0; i < 1024; ++i) {
      EXPECT_EQ(out[0][i], halfBits(_Float16(real(in[i]))) * 0x10001u);
      EXPECT_EQ(out[1][i], brainBits(real(in[i])));
    }
  }
}

TEST(PtxFloat, PairsPutTheFirstOperandAbove) {
  EXPECT_EQ(value("cvt.rn.f16x2.f32 %r32, %r0, %r1;", {word(1), word(2)}),
            0x3c004000u);
  EXPECT_EQ(
      value("cvt.rn.relu.bf16x2.f32 %r32, %r0, %r1;", {word(-1), word(2)}),
      0x00004000u);
  EXPECT_EQ(value("cvt.rz.f16.f32 %h0, %r0; cvt.u32.u16 %r32, %h0;",
                  {word(65519.9f)}),
            0x7bffu);
  EXPECT_EQ(
      value("cvt.rn.satfinite.e4m3x2.f32 %h0, %r0, %r1; cvt.u32.u16 %r32, %h0;",
            {word(1), word(-1000)}),
      0x38feu);
  EXPECT_EQ(
      value("cvt.u16.u32 %h0, %r0; cvt.rn.f16x2.e4m3x2 %r32, %h0;", {0x38fe}),
      0x3c00df00u);
}

struct HalfOperation {
  const char *name;
  unsigned operands;
  long double (*apply)(long double, long double, long double);
};
const HalfOperation operations[] = {
    {"add", 2, [](long double a, long double b, long double) { return a + b; }},
    {"sub", 2, [](long double a, long double b, long double) { return a - b; }},
    {"mul", 2, [](long double a, long double b, long double) { return a * b; }},
    {"fma", 3,
     [](long double a, long double b, long double c) { return a * b + c; }},
};

TEST(PtxFloat, HalfArithmeticRoundsTheExactResultOnce) {
  std::mt19937 random(3);
  for (const HalfOperation &operation : operations) {
    std::vector<Words> in(3, Words(1024));
    for (Words &words : in)
      for (uint32_t &value : words) // no infinities: exponents up to 24
        value = (random() & 0x83ff83ffu) | (random() % 25) << 10 |
                (random() % 25) << 26;
    std::string operands =
        operation.operands == 3 ? "%r0, %r1, %r2" : "%r0, %r1";
    Words out =
        lanes(std::string(operation.name) + ".rn.f16x2 %r32, " + operands + ";",
              in, 1, {1, 1024})[0];
    for (size_t i = 0; i < 1024; ++i)
      for (unsigned shift = 0; shift < 32; shift += 16) {
        long double v[3];
        for (unsigned o = 0; o < 3; ++o)
          v[o] = float(half(uint16_t(in[o][i] >> shift)));
        EXPECT_EQ(uint16_t(out[i] >> shift),
                  halfBits(_Float16(operation.apply(v[0], v[1], v[2]))))
            << operation.name;
      }
  }
}

TEST(PtxFloat, BrainArithmeticRoundsTheExactResultOnce) {
  std::mt19937 random(4);
  for (const HalfOperation &operation : operations) {
    std::vector<Words> in(3, Words(1024));
    for (Words &words : in)
      for (uint32_t &value : words)
        value = (random() & 0x807f807fu) | (110 + random() % 24) << 7 |
                (110 + random() % 24) << 23;
    std::string operands =
        operation.operands == 3 ? "%r0, %r1, %r2" : "%r0, %r1";
    Words out = lanes(std::string(operation.name) + ".rn.bf16x2 %r32, " +
                          operands + ";",
                      in, 1, {1, 1024})[0];
    for (size_t i = 0; i < 1024; ++i)
      for (unsigned shift = 0; shift < 32; shift += 16) {
        long double v[3];
        for (unsigned o = 0; o < 3; ++o)
          v[o] = brain(in[o][i] >> shift & 0xffff);
        EXPECT_EQ(uint16_t(out[i] >> shift),
                  brainBits(operation.apply(v[0], v[1], v[2])))
            << operation.name << " " << double(v[0]) << " " << double(v[1])
            << " " << double(v[2]);
      }
  }
}

TEST(PtxFloat, AFarSmallAddendBreaksATie) {
  // 7 * 37/128 = 259/128 lies in the middle of two bf16, 2 + 1/64 and 2 + 2/64;
  // an addend of 2^-100 is lost in the 53 bits of an f64.
  EXPECT_EQ(value("fma.rn.bf16x2 %r32, %r0, %r1, %r2;", {0x40e0, 0x3e94, 0}),
            0x4002u);
  EXPECT_EQ(
      value("fma.rn.bf16x2 %r32, %r0, %r1, %r2;", {0x40e0, 0x3e94, 0x0d80}),
      0x4002u);
  EXPECT_EQ(
      value("fma.rn.bf16x2 %r32, %r0, %r1, %r2;", {0x40e0, 0x3e94, 0x8d80}),
      0x4001u);
}

TEST(PtxFloat, SingleArithmeticFollowsTheHost) {
  std::mt19937 random(5);
  std::vector<Words> in(3, Words(1024));
  for (Words &words : in)
    for (uint32_t &value : words)
      value = (random() & 0x807fffffu) | (107 + random() % 40) << 23;
  std::vector<Words> out =
      lanes("add.rn.f32 %r32, %r0, %r1; mul.f32 %r33, %r0, %r1;"
            "fma.rn.f32 %r34, %r0, %r1, %r2; sub.f32 %r35, %r0, %r1;"
            "div.rn.f32 %r36, %r0, %r1; add.rz.f32 %r37, %r0, %r1;"
            "min.f32 %r38, %r0, %r1; neg.f32 %r39, %r0;",
            in, 8, {1, 1024});
  for (size_t i = 0; i < 1024; ++i) {
    float a = real(in[0][i]), b = real(in[1][i]), c = real(in[2][i]);
    EXPECT_EQ(out[0][i], word(a + b));
    EXPECT_EQ(out[1][i], word(a * b));
    EXPECT_EQ(out[2][i], word(std::fma(a, b, c)));
    EXPECT_EQ(out[3][i], word(a - b));
    EXPECT_EQ(out[4][i], word(a / b));
    long double exact = (long double)a + b;
    float toZero = float(exact);
    if (std::fabs((long double)toZero) > std::fabs(exact))
      toZero = std::nextafter(toZero, 0.0f);
    EXPECT_EQ(out[5][i], word(toZero));
    EXPECT_EQ(out[6][i], word(std::fmin(a, b)));
    EXPECT_EQ(out[7][i], word(-a));
  }
}

TEST(PtxFloat, SpecialValues) {
  EXPECT_EQ(value("min.f32 %r32, %r0, %r1;", {0x7fc00000, word(1)}), word(1));
  EXPECT_EQ(value("min.NaN.f32 %r32, %r0, %r1;", {0x7fc00000, word(1)}),
            0x7fffffffu);
  EXPECT_EQ(value("max.f32 %r32, %r0, %r1;", {word(-0.0f), word(0.0f)}),
            word(0.0f));
  EXPECT_EQ(value("add.ftz.f32 %r32, %r0, %r1;", {1, 0x80000002}), 0u);
  EXPECT_EQ(value("mul.sat.f32 %r32, %r0, %r1;", {word(3), word(2)}), word(1));
  EXPECT_EQ(value("max.f16x2 %r32, %r0, %r1;", {0x7e003c00, 0x40003800}),
            0x40003c00u);
  EXPECT_EQ(value("abs.f16x2 %r32, %r0;", {0xbc00c000}), 0x3c004000u);
  EXPECT_EQ(value("neg.bf16x2 %r32, %r0;", {0x3f80bf80}), 0xbf803f80u);
  EXPECT_EQ(value("setp.lt.f32 %p0, %r0, %r1; selp.u32 %r32, 1, 0, %p0;",
                  {0x7fc00000, word(1)}),
            0u);
  EXPECT_EQ(value("setp.ltu.f32 %p0, %r0, %r1; selp.u32 %r32, 1, 0, %p0;",
                  {0x7fc00000, word(1)}),
            1u);
  EXPECT_EQ(value("setp.gt.f16x2 %p0|%p1, %r0, %r1; selp.u32 %r32, 1, 0, %p1;",
                  {0x3c000000, 0}),
            1u);
}

TEST(PtxFloat, ApproximationsAreClose) {
  for (float x : {0.37f, 1.0f, 2.5f, 100.0f}) {
    EXPECT_NEAR(real(value("ex2.approx.ftz.f32 %r32, %r0;", {word(x)})) /
                    std::exp2(x),
                1, 1e-6);
    EXPECT_NEAR(real(value("rcp.approx.f32 %r32, %r0;", {word(x)})) * x, 1,
                1e-6);
    EXPECT_NEAR(real(value("rsqrt.approx.f32 %r32, %r0;", {word(x)})) *
                    std::sqrt(x),
                1, 1e-6);
    EXPECT_NEAR(real(value("lg2.approx.f32 %r32, %r0;", {word(x)})),
                std::log2(x), 1e-6);
    EXPECT_NEAR(real(value("tanh.approx.f32 %r32, %r0;", {word(x)})),
                std::tanh(x), 1e-6);
  }
}

TEST(PtxFloat, IntegersAndFloatsConvert) {
  EXPECT_EQ(value("cvt.rn.f32.s32 %r32, %r0;", {uint32_t(-16777217)}),
            word(-16777216.0f));
  EXPECT_EQ(value("cvt.rn.f32.u32 %r32, %r0;", {0xffffffff}),
            word(4294967296.0f));
  EXPECT_EQ(value("cvt.rni.s32.f32 %r32, %r0;", {word(2.5f)}), 2u);
  EXPECT_EQ(value("cvt.rzi.s32.f32 %r32, %r0;", {word(-2.7f)}), uint32_t(-2));
  EXPECT_EQ(value("cvt.rmi.s32.f32 %r32, %r0;", {word(-2.2f)}), uint32_t(-3));
  EXPECT_EQ(value("cvt.rzi.u32.f32 %r32, %r0;", {word(-2.2f)}), 0u);
  EXPECT_EQ(value("cvt.rzi.s32.f32 %r32, %r0;", {word(1e20f)}), 0x7fffffffu);
  EXPECT_EQ(value("cvt.rni.f32.f32 %r32, %r0;", {word(3.5f)}), word(4.0f));
  EXPECT_EQ(value("cvt.rn.f16.s32 %h0, %r0; cvt.u32.u16 %r32, %h0;", {2049}),
            0x6800u);
  EXPECT_EQ(value("cvt.f64.f32 %d0, %r0; add.f64 %d0, %d0, 0d3FF0000000000000; "
                  "cvt.rn.f32.f64 %r32, %d0;",
                  {word(1.5f)}),
            word(2.5f));
  EXPECT_EQ(value("cvt.rna.tf32.f32 %r32, %r0;", {0x3f801000}), 0x3f802000u);
}

} // namespace
