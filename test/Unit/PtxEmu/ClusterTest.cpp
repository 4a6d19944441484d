//===- ClusterTest.cpp - clusters of CTAs in the PTX emulator -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Kernel.h"

using namespace ptx;
using namespace ptx::test;

namespace {

/// A word for each thread from s + 16 on; %r1 is the address of the thread's
/// own, %r2 the same of the CTA of the next rank, %r3 the rank; at s there is
/// room for two mbarriers, at %r0 and, of the next rank, %r5.
const std::string start =
    ".shared .align 16 .b8 s[272]; mov.u32 %r0, s; mov.u32 %r3, "
    "%cluster_ctarank; mov.u32 %r4, %cluster_nctarank;"
    "shl.b32 %r1, %lane, 2; add.u32 %r1, %r1, %r0; add.u32 %r1, %r1, 16;"
    "add.u32 %r6, %r3, 1; rem.u32 %r6, %r6, %r4;"
    "mapa.shared::cluster.u32 %r2, %r1, %r6;"
    "mapa.shared::cluster.u32 %r5, %r0, %r6;"
    "setp.eq.u32 %p0, %lane, 0; setp.eq.u32 %p1, %r3, 0;"
    "mul.wide.u32 %d0, %id, 4; add.u64 %d1, %out, %d0;\n";
const std::string write = "st.shared.b32 [%r1], %id;\n",
                  readNext = "ld.shared::cluster.b32 %r7, [%r2];\n",
                  store = "st.global.b32 [%d1], %r7;\n",
                  meet = "barrier.cluster.arrive.aligned; "
                         "barrier.cluster.wait.aligned;\n";

Outcome outcome(const std::string &code, unsigned grid = 4,
                unsigned cluster = 2) {
  Words in(256);
  for (uint32_t i = 0; i < in.size(); ++i)
    in[i] = 1000 + i;
  return run(module(start + code), in, 32 * grid, {grid, 32, 0, 0, cluster});
}

TEST(PtxCluster, CtasReadEachOthersSharedMemory) {
  Outcome result = outcome(write + meet + readNext + store + meet, 8, 4);
  ASSERT_EQ(result.error, "");
  for (uint32_t i = 0; i < 8 * 32; ++i) {
    uint32_t cta = i / 32, next = cta / 4 * 4 + (cta % 4 + 1) % 4;
    EXPECT_EQ(result.out[i], 32 * next + i % 32);
  }
}

TEST(PtxCluster, GenericAddressesAreMapped) {
  Outcome result = outcome(
      write + meet +
      "cvt.u64.u32 %d2, %r1; cvta.shared.u64 %d2, %d2; mapa.u64 %d3, %d2, %r6;"
      "ld.b32 %r7, [%d3]; getctarank.u32 %r8, %d3; mad.lo.u32 %r7, %r8, 1000, "
      "%r7;" +
      store + meet);
  ASSERT_EQ(result.error, "");
  EXPECT_EQ(result.out[5], 1000u + 32 + 5);
  EXPECT_EQ(result.out[32 + 5], 5u);
}

TEST(PtxCluster, AccessesAcrossCtasNeedTheBarrier) {
  EXPECT_ERROR(outcome(write + "nanosleep.u32 1;" + readNext),
               "of rank 1 of the cluster");
  EXPECT_ERROR(outcome(write + "bar.sync 0; nanosleep.u32 1;" + readNext),
               "no barrier between");
  std::string overwrite = "st.shared::cluster.b32 [%r2], 0;\n";
  EXPECT_ERROR(
      outcome(write + meet + readNext + "st.shared.b32 [%r1], 1;" + meet),
      "no barrier between");
  EXPECT_ERROR(outcome(write + overwrite + meet), "no barrier between");
  EXPECT_EQ(outcome(write + meet + overwrite + meet).error, "");
  // Relaxed arrivals order nothing.
  EXPECT_ERROR(outcome(write +
                       "barrier.cluster.arrive.relaxed.aligned;"
                       "barrier.cluster.wait.aligned;" +
                       readNext),
               "no barrier between");
}

TEST(PtxCluster, SharedMemoryEndsWithItsCta) {
  EXPECT_ERROR(outcome(write + meet + "@%p1 bra END; nanosleep.u32 1;" +
                       readNext + "END:\n"),
               "has exited: its shared memory is gone");
}

TEST(PtxCluster, BarriersAlternate) {
  EXPECT_ERROR(outcome("barrier.cluster.wait.aligned;"),
               "has not arrived before it waits");
  EXPECT_ERROR(outcome("barrier.cluster.arrive.aligned;"
                       "barrier.cluster.arrive.aligned;"),
               "has arrived already");
  EXPECT_ERROR(outcome("@%p0 barrier.cluster.arrive.aligned;"),
               "barrier divergence");
  // A CTA that has exited is not waited for.
  EXPECT_EQ(outcome("@%p1 bra END; " + meet + "END:\n").error, "");
}

TEST(PtxCluster, MbarriersCountArrivalsOfOtherCtas) {
  // Each CTA writes into the next one and arrives at its mbarrier.
  std::string init = "@%p0 mbarrier.init.shared.b64 [%r0], 32;" + meet;
  std::string give = "st.shared::cluster.b32 [%r2], %id;\n";
  std::string arrive =
      "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r5];\n";
  std::string wait = "WAIT: mbarrier.try_wait.parity.acquire.cluster.shared::"
                     "cta.b64 %p2, [%r0], 0; @!%p2 bra WAIT;\n";
  std::string read = "ld.shared.b32 %r7, [%r1];\n";
  Outcome result = outcome(init + give + arrive + wait + read + store + meet);
  ASSERT_EQ(result.error, "");
  EXPECT_EQ(result.out[3], 32u + 3);
  EXPECT_EQ(result.out[32 + 3], 3u);
  EXPECT_ERROR(outcome(init + arrive + give + wait + read + meet),
               "no barrier between");
  EXPECT_ERROR(outcome(init + "mbarrier.arrive.shared::cluster.b64 %d5, "
                              "[%r5];"),
               "gives no state");
}

TEST(PtxCluster, BulkCopiesGoToSeveralCtas) {
  std::string init = "@%p0 mbarrier.init.shared.b64 [%r0], 1; @%p0 "
                     "fence.proxy.async; @%p0 "
                     "mbarrier.arrive.expect_tx.shared.b64 _, [%r0], 128;" +
                     meet;
  std::string copy =
      "setp.eq.and.u32 %p3, %lane, 0, %p1; mov.u16 %h0, 3;"
      "@%p3 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes."
      "multicast::cluster [%r0+16], [%in], 128, [%r0], %h0;\n";
  std::string wait = "WAIT: mbarrier.try_wait.parity.shared.b64 %p2, [%r0], 0; "
                     "@!%p2 bra WAIT;\n";
  Outcome result =
      outcome(init + copy + wait + "ld.shared.b32 %r7, [%r1];" + store + meet);
  ASSERT_EQ(result.error, "");
  for (uint32_t i = 0; i < 128; ++i)
    EXPECT_EQ(result.out[i], 1000 + i % 32);
}

TEST(PtxCluster, TheLaunchIsChecked) {
  EXPECT_ERROR(outcome("", 3, 2), "divides the grid");
  EXPECT_ERROR(outcome("", 32, 32), "at most 16 CTAs");
  EXPECT_ERROR(run(module(""), {}, 1, {16, 1024, 0, 0, 16}),
               "clusters of more than 64 warps");
  EXPECT_ERROR(outcome("mapa.shared::cluster.u32 %r2, %r1, 2;"),
               "the cluster has no rank 2");
  // As few CTAs at a time as one cluster has.
  EXPECT_EQ(run(module(start + write + meet + readNext + meet), {}, 1,
                {8, 32, 0, 1, 4})
                .error,
            "");
}

} // namespace
