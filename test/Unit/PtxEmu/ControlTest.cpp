//===- ControlTest.cpp - control flow and shuffles in the PTX emulator ----===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Kernel.h"

using namespace ptx;
using namespace ptx::test;

namespace {

Words perLane(uint32_t (*f)(uint32_t)) {
  Words words(32);
  for (uint32_t lane = 0; lane < 32; ++lane)
    words[lane] = f(lane);
  return words;
}

TEST(PtxControl, DivergentLoopsRunEachLaneToItsOwnEnd) {
  const char *body = "mov.u32 %r32, 0; mov.u32 %r1, 0;\n"
                     "LOOP: setp.ge.u32 %p0, %r1, %lane; @%p0 bra DONE; "
                     "add.u32 %r1, %r1, 1; and.b32 %r2, %r1, 1;"
                     "setp.eq.u32 %p1, %r2, 0; @%p1 bra EVEN; add.u32 %r32, "
                     "%r32, 100; bra.uni LOOP;\n"
                     "EVEN: add.u32 %r32, %r32, 1; bra LOOP;\nDONE:\n";
  EXPECT_EQ(lanes(body, {})[0],
            perLane([](uint32_t l) { return 100 * ((l + 1) / 2) + l / 2; }));
}

TEST(PtxControl, LanesMeetAgainBehindABranch) {
  // The else part stands at the end of the text, behind the join: mma.sync's
  // and shfl's lanes must still be together.
  const char *body =
      "setp.lt.u32 %p0, %lane, 5; @%p0 bra FAR; mov.u32 %r1, 1;\n"
      "JOIN: vote.sync.ballot.b32 %r32, %p0, 0xffffffff; bra END;\n"
      "FAR: mov.u32 %r1, 2; bra JOIN;\nEND:\n";
  EXPECT_EQ(lanes(body, {})[0], Words(32, 0x1f));
}

TEST(PtxControl, NestedDivergence) {
  const char *body =
      "mov.u32 %r32, 0; setp.lt.u32 %p0, %lane, 16; @!%p0 bra B; setp.lt.u32 "
      "%p1, %lane, 8; @!%p1 bra A;"
      "add.u32 %r32, %r32, 1;\nA: add.u32 %r32, %r32, 10; activemask.b32 "
      "%r33;\nB: add.u32 %r32, %r32, 100; activemask.b32 %r34;\n";
  std::vector<Words> out = lanes("mov.u32 %r33, 0;" + std::string(body), {}, 3);
  EXPECT_EQ(out[0], perLane([](uint32_t l) {
              return 100u + (l < 16 ? 10 : 0) + (l < 8 ? 1 : 0);
            }));
  EXPECT_EQ(out[1][0], 0xffffu);
  EXPECT_EQ(out[2], Words(32, 0xffffffff));
}

TEST(PtxControl, GuardsKeepInactiveLanes) {
  const char *body =
      "mov.u32 %r32, 7; setp.gt.u32 %p0, %lane, 3; @!%p0 mov.u32 %r32, 9;";
  EXPECT_EQ(lanes(body, {})[0],
            perLane([](uint32_t l) { return l > 3 ? 7u : 9u; }));
}

TEST(PtxControl, SpecialRegisters) {
  std::vector<Words> out =
      lanes("mov.u32 %r32, %ctaid.x; mov.u32 %r33, %laneid; mov.u32 %r34, "
            "%nctaid.x; mov.u32 %r35, %warpid;"
            "mov.u32 %r36, %lanemask_lt; mov.u64 %d0, %clock64;",
            {}, 5, {3, 64});
  EXPECT_EQ(out[0][130], 2u);
  EXPECT_EQ(out[1][37], 5u);
  EXPECT_EQ(out[2][0], 3u);
  EXPECT_EQ(out[3][100], 1u);
  EXPECT_EQ(out[4][4], 15u);
}

TEST(PtxShuffle, FourModesAndSegments) {
  auto shuffle = [](const std::string &how) {
    return lanes("shfl.sync." + how + ", 0xffffffff;",
                 {perLane([](uint32_t l) { return 100 + l; })})[0];
  };
  EXPECT_EQ(shuffle("idx.b32 %r32, %r0, 3, 0x1f"), Words(32, 103));
  EXPECT_EQ(shuffle("bfly.b32 %r32, %r0, 4, 0x1f"),
            perLane([](uint32_t l) { return 100 + (l ^ 4); }));
  EXPECT_EQ(shuffle("down.b32 %r32, %r0, 8, 0x1f"),
            perLane([](uint32_t l) { return 100 + (l + 8 < 32 ? l + 8 : l); }));
  EXPECT_EQ(shuffle("up.b32 %r32, %r0, 2, 0"),
            perLane([](uint32_t l) { return 100 + (l >= 2 ? l - 2 : l); }));
  // Segments of 8 lanes: c = (32 - 8) << 8 | 31.
  EXPECT_EQ(shuffle("idx.b32 %r32, %r0, 1, 0x181f"),
            perLane([](uint32_t l) { return 100 + l / 8 * 8 + 1; }));
  EXPECT_EQ(shuffle("down.b32 %r32|%p0, %r0, 4, 0x181f"),
            perLane([](uint32_t l) { return 100 + (l % 8 < 4 ? l + 4 : l); }));
}

TEST(PtxShuffle, MissingMembersAreReported) {
  EXPECT_ERROR(run(module("setp.lt.u32 %p0, %lane, 4; @%p0 shfl.sync.idx.b32 "
                          "%r0, %lane, 0, 31, 0xffffffff;"),
                   {}, 1),
               "thread (4,0,0): shfl.sync.idx.b32: the lane is in the member "
               "mask, but not here");
  EXPECT_ERROR(run(module("setp.lt.u32 %p0, %lane, 4; @%p0 shfl.sync.idx.b32 "
                          "%r0, %lane, 9, 31, 15;"),
                   {}, 1),
               "reads from lane 9");
}

TEST(PtxShuffle, VotesMatchesAndReductions) {
  std::vector<Words> out =
      lanes("setp.lt.u32 %p0, %lane, 4; vote.sync.ballot.b32 %r32, %p0, -1; "
            "vote.sync.any.pred %p1, %p0, -1;"
            "selp.u32 %r33, 1, 0, %p1; redux.sync.add.s32 %r34, %lane, -1; "
            "and.b32 %r1, %lane, 1;"
            "match.any.sync.b32 %r35, %r1, -1; redux.sync.max.u32 %r36, %lane, "
            "-1; elect.sync %r37|%p2, -1;"
            "selp.u32 %r38, 1, 0, %p2;",
            {}, 7);
  EXPECT_EQ(out[0], Words(32, 15));
  EXPECT_EQ(out[1], Words(32, 1));
  EXPECT_EQ(out[2], Words(32, 496));
  EXPECT_EQ(out[3][2], 0x55555555u);
  EXPECT_EQ(out[4], Words(32, 31));
  EXPECT_EQ(out[6], perLane([](uint32_t l) { return uint32_t(l == 0); }));
}

TEST(PtxLaunch, WhatTheGridBeforeUsesIsTouchedBehindTheWait) {
  Shape late;
  late.lateInput = true;
  std::string load = "ld.global.b32 %r0, [%in]; st.global.b32 [%out], %r0;";
  EXPECT_EQ(run(module("griddepcontrol.wait;" + load), {7}, 1, late).out[0],
            7u);
  EXPECT_ERROR(run(module("griddepcontrol.launch_dependents;" + load +
                          "griddepcontrol.wait;"),
                   {7}, 1, late),
               "no griddepcontrol.wait before");
  EXPECT_ERROR(run(module(".shared .align 16 .b8 s[16]; mov.u32 %r0, s;"
                          "cp.async.ca.shared.global [%r0], [%in], 4;"),
                   {7}, 1, late),
               "no griddepcontrol.wait before");
}

TEST(PtxLaunch, IsCheckedAgainstTheEntry) {
  std::string text = module("");
  std::string required = text;
  required.insert(required.find("{\n  .reg"),
                  ".reqntid 64, 1, 1\n.minnctapersm 2\n");
  EXPECT_ERROR(run(required, {}, 1), "not that of .reqntid");
  EXPECT_EQ(run(required, {}, 1, {1, 64}).error, "");
  std::string maximum = text;
  maximum.insert(maximum.find("{\n  .reg"), ".maxntid 16\n");
  EXPECT_ERROR(run(maximum, {}, 1), ".maxntid");
  EXPECT_ERROR(run(text, {}, 1, {1, 32, 300 << 10}), "227 KiB");
  EXPECT_ERROR(run(module("trap;"), {}, 1), "the kernel stopped itself");
}

} // namespace
