//===- MemoryTest.cpp - loads, stores and atomics in the PTX emulator -----===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Kernel.h"

#include <bit>

using namespace ptx;
using namespace ptx::test;

namespace {

TEST(PtxMemory, VectorsAndNarrowTypes) {
  Words in{0x04030201, 0x88070605, 3, 4, 5, 6, 7, 8};
  Outcome result = run(module(R"(
    ld.global.nc.L1::no_allocate.L2::128B.v4.b32 {%r0, %r1, %r2, %r3}, [%in];
    st.global.v4.b32 [%out], {%r0, %r1, %r2, %r3};
    ld.global.s8 %r4, [%in+7];
    ld.global.u8 %r5, [%in+7];
    ld.global.u16 %h0, [%in+6];
    cvt.u32.u16 %r6, %h0;
    ld.global.v2.u64 {%d0, %d1}, [%in+16];
    st.global.v2.b32 [%out+16], {%r4, %r5};
    st.global.b32 [%out+24], %r6;
    st.global.b64 [%out+32], %d1;
    ld.global.b128 %q0, [%in];
    st.global.b128 [%out+48], %q0;
    st.global.b8 [%out+64], %r5;
    ld.global.v2.b32 {_, %r7}, [%in+8];
    st.global.cs.b32 [%out+68], %r7;)"),
                       in, 18, {1, 1});
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(Words(result.out.begin(), result.out.begin() + 4),
            Words(in.begin(), in.begin() + 4));
  EXPECT_EQ(result.out[4], 0xffffff88u);
  EXPECT_EQ(result.out[5], 0x88u);
  EXPECT_EQ(result.out[6], 0x8807u);
  EXPECT_EQ(result.out[8], 7u);
  EXPECT_EQ(result.out[9], 8u);
  EXPECT_EQ(Words(result.out.begin() + 12, result.out.begin() + 16),
            Words(in.begin(), in.begin() + 4));
  EXPECT_EQ(result.out[16], 0xdeadbe88u);
  EXPECT_EQ(result.out[17], 4u);
}

TEST(PtxMemory, WhatTheGridBeforeWritesIsNoConstant) {
  Shape late;
  late.lateInput = true;
  std::string load = "griddepcontrol.wait; ld.global.nc.b32 %r0, [%in];";
  EXPECT_ERROR(run(module(load), Words(1), 1, late), ".nc may not read it");
  EXPECT_EQ(run(module(load), Words(1), 1).error, "");
}

TEST(PtxMemory, WhatIsOutOfBoundsIsNamed) {
  Outcome result =
      run(module("ld.global.v2.b32 {%r0, %r1}, [%in+8];"), Words(3), 1);
  EXPECT_ERROR(result,
               "CTA (0,0,0) thread (0,0,0): ld.global.v2.b32: out of bounds: "
               "access of 8 bytes at byte 8 of in, which has 12 bytes");
  EXPECT_EQ(result.line, firstLine);
  EXPECT_ERROR(run(module("ld.global.b32 %r0, [%in+-4];"), Words(3), 1),
               "belongs to no buffer");
  EXPECT_ERROR(
      run(module("mov.b64 %d0, 0; st.global.b32 [%d0], 1;"), Words(3), 1),
      "belongs to no buffer");
  // Only the lane that leaves is named.
  EXPECT_ERROR(run(module("mul.wide.u32 %d0, %lane, 4; add.u64 %d0, %d0, %in; "
                          "ld.global.b32 %r0, [%d0];"),
                   Words(20), 1),
               "thread (20,0,0)");
}

TEST(PtxMemory, AVectorIsAlignedAsAWhole) {
  EXPECT_ERROR(run(module("ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%in+8];"),
                   Words(16), 1),
               "is not a multiple of 16");
  EXPECT_ERROR(run(module("st.global.b32 [%out+2], 1;"), {}, 4),
               "is not a multiple of 4");
  EXPECT_ERROR(run(module(".shared .align 16 .b8 s[64]; mov.u32 %r0, s; "
                          "st.shared.b32 [%r0+2], 1;"),
                   {}, 1, {1, 1}),
               "shared address 2 is not a multiple of 4");
}

TEST(PtxMemory, SharedMemoryHasBounds) {
  const char *body =
      ".shared .align 16 .b8 s[64]; mov.u32 %r0, s; st.shared.b32 [%r0+64], 1;";
  EXPECT_ERROR(run(module(body), {}, 1, {1, 1}),
               "access of 4 bytes at shared offset 64 of 64 bytes");
  EXPECT_ERROR(
      run(module("mov.u32 %r0, 0; st.shared.b32 [%r0], 1;"), {}, 1, {1, 1}),
      "shared offset");
}

TEST(PtxMemory, DynamicSharedMemoryFollowsTheStatic) {
  std::string text = module(".shared .align 4 .b8 s[20]; mov.u32 %r0, dynamic; "
                            "mov.u32 %r1, s; sub.u32 %r2, %r0, %r1;"
                            "st.global.b32 [%out], %r2; st.shared.b32 "
                            "[%r0+60], 9; ld.shared.b32 %r3, [%r0+60];"
                            "st.global.b32 [%out+4], %r3;",
                            ".extern .shared .align 32 .b8 dynamic[];");
  Outcome result = run(text, {}, 2, {1, 1, 64});
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.out, (Words{32, 9}));
  EXPECT_ERROR(run(text, {}, 2, {1, 1, 60}), "shared offset");
}

TEST(PtxMemory, GenericAddressesReachEverySpace) {
  Outcome result =
      run(module(".local .align 8 .b8 l[8]; .shared .align 4 .b8 s[4];"
                 "mov.u64 %d0, s; cvta.shared.u64 %d1, %d0; st.b32 "
                 "[%d1], 5; ld.shared.b32 %r0, [s];"
                 "mov.u64 %d2, l; cvta.local.u64 %d3, %d2; st.b32 "
                 "[%d3+4], %lane; ld.local.b32 %r1, [l+4];"
                 "cvta.to.global.u64 %d4, %out; cvta.to.shared.u64 "
                 "%d5, %d1; ld.shared.b32 %r3, [%d5];"
                 "isspacep.shared %p0, %d1; selp.u32 %r2, 1, 0, %p0;"
                 "st.v4.b32 [%d4], {%r0, %r1, %r2, %r3};"),
          {}, 4, {1, 1});
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.out, (Words{5, 0, 1, 5}));
}

TEST(PtxMemory, GlobalsAndConstantsAreInitialized) {
  Outcome result = run(module("ld.const.b32 %r0, [table+8]; ld.global.b32 %r1, "
                              "[counter]; st.global.v2.b32 [%out], {%r0, %r1};",
                              ".const .align 4 .b32 table[4] = {1, 2, -3, 4}; "
                              ".global .align 4 .u32 counter = 7;"),
                       {}, 2);
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.out, (Words{uint32_t(-3), 7}));
}

TEST(PtxMemory, UndefinedRegistersAreReported) {
  Outcome result =
      run(module("setp.eq.u32 %p0, %lane, 3; @!%p0 mov.u32 %r7, 1; "
                 "add.u32 %r1, %r7, 1;"),
          {}, 1);
  EXPECT_ERROR(
      result,
      "thread (3,0,0): add.u32: reads register %r7, which was never written");
  EXPECT_ERROR(run(module("@%p1 add.u32 %r1, 1, 1;"), {}, 1),
               "the guard was never written");
}

TEST(PtxMemory, SharedMemoryStartsUndefined) {
  EXPECT_ERROR(run(module(".shared .b32 s; ld.shared.b32 %r0, [s];"), {}, 1),
               "nobody has written");
}

TEST(PtxMemory, AtomicsReturnTheOldValue) {
  // 64 threads in 2 CTAs; every result of the addition occurs once.
  Outcome result =
      run(module("atom.global.add.u32 %r0, [%out], 1; mul.wide.u32 "
                 "%d0, %r0, 4; add.u64 %d0, %d0, %out;"
                 "atom.global.exch.b32 %r1, [%d0+4], %id; "
                 "red.relaxed.gpu.global.max.s32 [%out+260], %id;"),
          {}, 66, {2, 32});
  // The counter starts at 0xdeadbeef: out of bounds.
  EXPECT_ERROR(result, "out of bounds");
  std::string zero = "setp.eq.u32 %p0, %id, 0; @%p0 st.global.b32 [%out], 0; "
                     "@%p0 st.global.b32 [%out+260], -5;";
  result =
      run(module(zero + "atom.global.add.u32 %r0, [%out], 1; mul.wide.u32 %d0, "
                        "%r0, 4; add.u64 %d0, %d0, %out;"
                        "atom.global.exch.b32 %r1, [%d0+4], %id; "
                        "red.relaxed.gpu.global.max.s32 [%out+260], %id;"),
          {}, 66, {1, 64});
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.out[0], 64u);
  EXPECT_EQ(result.out[65], 63u);
  std::vector<bool> seen(64);
  for (unsigned i = 0; i < 64; ++i)
    seen[result.out[1 + i] & 63] = true;
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 64);
}

TEST(PtxMemory, AtomicsOfFloatsAndHalves) {
  Words in{std::bit_cast<uint32_t>(1.5f), 0x3c003c00};
  Outcome result =
      run(module("ld.global.v2.b32 {%r0, %r1}, [%in]; mov.b32 %r2, 0; "
                 "st.global.v2.b32 [%out], {%r2, %r2};"
                 "red.global.add.f32 [%out], %r0; atom.global.add.f32 "
                 "%r3, [%out], %r0;"
                 "red.global.add.noftz.f16x2 [%out+4], %r1; "
                 "atom.global.cas.b32 %r4, [%out+8], 0xdeadbeef, 6;"
                 "st.global.b32 [%out+12], %r3;"),
          in, 4, {1, 1});
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.out, (Words{std::bit_cast<uint32_t>(3.0f), 0x3c003c00, 6,
                               std::bit_cast<uint32_t>(1.5f)}));
}

// A kernel that needs more than it declares must not find it by luck.
TEST(PtxMemory, SharedAddressesAreNoMoreThanAligned) {
  auto address = [](unsigned alignment) {
    std::string body = "mov.u32 %r0, s; st.global.b32 [%out], %r0;";
    Shape shape;
    shape.shared = 64;
    Outcome result =
        run(module(body, ".extern .shared .align " + std::to_string(alignment) +
                             " .b8 s[];"),
            {}, 1, shape);
    EXPECT_EQ(result.error, "");
    return result.out[0];
  };
  EXPECT_EQ(address(16) % 32, 16u);
  EXPECT_EQ(address(128) % 256, 128u);
  EXPECT_EQ(address(1024) % 2048, 1024u);
}

TEST(PtxMemory, CountersSeeSectorsAndBankConflicts) {
  std::string text = module(R"(
    .shared .align 16 .b8 s[4096];
    mov.u32 %r0, s;
    mad.lo.u32 %r1, %lane, 128, %r0;
    st.shared.b32 [%r1], 1;
    mad.lo.u32 %r1, %lane, 16, %r0;
    bar.sync 0;
    st.shared.v4.b32 [%r1], {%r0, %r0, %r0, %r0};
    mul.wide.u32 %d0, %lane, 64;
    add.u64 %d0, %d0, %out;
    st.global.b32 [%d0], 1;)");
  Module parsed = parse(text);
  Program program = compile(parsed, parsed.entries.at("k"));
  GlobalMemory memory;
  Launch launch;
  launch.block[0] = 32;
  launch.push(uint64_t(0));
  launch.push(memory.add("out", std::vector<uint8_t>(2048)));
  Counters counters(program);
  Grid(program, launch, memory, &counters).run();
  std::string json = counters.json();
  EXPECT_NE(json.find("\"instruction\": \"st.shared.b32\", \"executions\": 1, "
                      "\"bytes\": 128, \"wavefronts\": 32, \"ways\": 32"),
            std::string::npos)
      << json;
  EXPECT_NE(json.find("\"instruction\": \"st.shared.v4.b32\", \"executions\": "
                      "1, \"bytes\": 512, \"wavefronts\": 4, \"ways\": 1"),
            std::string::npos)
      << json;
  EXPECT_NE(json.find("\"bytes\": 128, \"sectors\": 32, \"efficiency\": 0.125"),
            std::string::npos)
      << json;
}

} // namespace
