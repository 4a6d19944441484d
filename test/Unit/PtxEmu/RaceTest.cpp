//===- RaceTest.cpp - races, barriers and deadlocks in the PTX emulator ---===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Kernel.h"

using namespace ptx;
using namespace ptx::test;

namespace {

/// Each thread owns a word of s; %r1 is its own address, %r2 that of the thread
/// 32 further on, modulo the block.
std::string body(const std::string &code) {
  return ".shared .align 4 .b8 s[1024]; mov.u32 %r0, s; shl.b32 %r1, %lane, 2; "
         "add.u32 %r2, %r1, 128;"
         "shl.b32 %r3, %block, 2; sub.u32 %r3, %r3, 1; and.b32 %r2, %r2, %r3; "
         "add.u32 %r1, %r1, %r0; add.u32 %r2, %r2, %r0;"
         "shr.u32 %r10, %lane, 5;\n" +
         code;
}
std::string error(const std::string &code, unsigned threads = 64) {
  return run(module(body(code)), {}, 1, {1, threads}).error;
}
testing::AssertionResult races(const std::string &message) {
  if (message.find("no barrier between") != std::string::npos)
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << "reported: '" << message << "'";
}

const std::string write = "st.shared.b32 [%r1], %lane;\n",
                  read = "ld.shared.b32 %r4, [%r2];\n",
                  overwrite = "st.shared.b32 [%r2], 0;\n",
                  barrier = "bar.sync 0;\n";

TEST(PtxRace, AReadNeedsABarrierAfterAnothersWrite) {
  // Warp 1 reads what warp 0 wrote; without a barrier it could be undefined.
  std::string first = "setp.eq.u32 %p0, %r10, 0; @%p0 " + write + "@!%p0 ";
  EXPECT_TRUE(races(error(first + read)));
  EXPECT_EQ(error(first + "mov.u32 %r5, 0;" + barrier + "@!%p0 " + read), "");
  EXPECT_EQ(error(write + barrier + read), "");
  // The other way round it is seen as a read of undefined bytes.
  EXPECT_NE(error(write + read).find("nobody has written"), std::string::npos);
}

TEST(PtxRace, TheMessageNamesBothSides) {
  std::string message =
      run(module(body("setp.eq.u32 %p0, %r10, 0; @%p0 st.shared.b32 [%r1], 1;\n"
                      "@!%p0 ld.shared.b32 %r4, [%r2];")),
          {}, 1, {1, 64})
          .error;
  EXPECT_NE(
      message.find("thread (32,0,0): ld.shared.b32: shared offset 0: races "
                   "with the write of thread 0 (warp 0) at line 19"),
      std::string::npos)
      << message;
}

TEST(PtxRace, AWriteNeedsABarrierAfterAnothersRead) {
  EXPECT_TRUE(races(error(write + barrier + read + write)));
  EXPECT_EQ(error(write + barrier + read + barrier + write), "");
}

TEST(PtxRace, TwoWritesOfDifferentWarpsRace) {
  EXPECT_TRUE(races(error(write + overwrite)));
  EXPECT_EQ(error(write + barrier + overwrite), "");
  // All threads write the same value to one place: a race all the same.
  EXPECT_TRUE(races(error("st.shared.b32 [%r0], 1;")));
  EXPECT_EQ(error("setp.eq.u32 %p0, %lane, 0; @%p0 st.shared.b32 [%r0], 1;" +
                  barrier + "ld.shared.b32 %r4, [%r0];"),
            "");
}

TEST(PtxRace, LanesOfAWarpNeedAWarpBarrier) {
  std::string neighbour =
      "xor.b32 %r5, %lane, 1; shl.b32 %r5, %r5, 2; add.u32 %r5, %r5, %r0;";
  std::string readIt = "ld.shared.b32 %r4, [%r5];\n";
  EXPECT_TRUE(races(error(neighbour + write + readIt, 32)));
  EXPECT_EQ(error(neighbour + write + "bar.warp.sync 0xffffffff;" + readIt, 32),
            "");
  EXPECT_TRUE(races(
      error(neighbour + write + "bar.warp.sync -1;" + readIt + write, 32)));
  EXPECT_EQ(error(neighbour + write + "bar.warp.sync -1;" + readIt +
                      "bar.warp.sync -1;" + write,
                  32),
            "");
}

TEST(PtxRace, AWarpBarrierDoesNotOrderWarps) {
  EXPECT_TRUE(
      races(error(write + barrier + read + "bar.warp.sync -1;" + write)));
}

TEST(PtxRace, BytesOfAWordAreDistinct) {
  const char *bytes = "add.u32 %r5, %r0, %lane; st.shared.b8 [%r5], %lane;";
  EXPECT_EQ(error(bytes), "");
  EXPECT_EQ(error(std::string(bytes) + barrier +
                  "ld.shared.u8 %r6, [%r5]; setp.lt.u32 %p0, %lane, 16; @%p0 "
                  "ld.shared.b32 %r4, [%r1];"),
            "");
  EXPECT_TRUE(races(error(std::string(bytes) + barrier +
                          "ld.shared.u8 %r6, [%r5]; setp.lt.u32 %p0, %lane, "
                          "16; @%p0 st.shared.b32 [%r1], 0;")));
}

TEST(PtxRace, NamedBarriersOrderProducersAndConsumers) {
  // Warp 0 produces, warp 1 consumes; bar.arrive does not wait.
  std::string code = "setp.eq.u32 %p0, %r10, 0; @!%p0 bra CONSUME;\n"
                     "st.shared.b32 [%r1], 7; bar.arrive 1, 64; bar.sync 2, "
                     "64; st.shared.b32 [%r1], 8; bra END;\n"
                     "CONSUME: bar.sync 1, 64; ld.shared.b32 %r4, [%r2]; "
                     "bar.arrive 2, 64;\nEND:\n";
  EXPECT_EQ(error(code), "");
  std::string late = code; // the consumer releases the buffer before it reads
  size_t place = late.find("ld.shared.b32 %r4, [%r2]; bar.arrive 2, 64;");
  late.replace(place, 43, "bar.arrive 2, 64; ld.shared.b32 %r4, [%r2];");
  EXPECT_TRUE(races(error(late)));
  // What the producer reads after its arrival is not ordered by it.
  std::string back = "setp.eq.u32 %p0, %r10, 0; @!%p0 bra CONSUME;\n"
                     "st.shared.b32 [%r1], 7; bar.arrive 1, 64; ld.shared.b32 "
                     "%r4, [%r2]; bra END;\n"
                     "CONSUME: st.shared.b32 [%r1], 6; bar.sync 1, 64;\nEND:\n";
  std::string message = error(back);
  EXPECT_TRUE(races(message) ||
              message.find("nobody has written") != std::string::npos)
      << message;
}

TEST(PtxRace, ReadersOfDifferentTimesAreRemembered) {
  // Warps 1 and 2 read word 0 at different clocks; warp 0 waits for warp 2
  // only.
  std::string code =
      "setp.eq.u32 %p1, %r10, 1; setp.eq.u32 %p2, %r10, 2; setp.eq.u32 %p0, "
      "%lane, 0; @%p0 st.shared.b32 [%r0], 1;"
      "bar.sync 0; @%p1 bra ONE; @%p2 bra TWO; bar.sync 4, 64; @%p0 "
      "st.shared.b32 [%r0], 2; bra END;\n"
      "ONE: ld.shared.b32 %r4, [%r0]; bar.arrive 3, 64; bra END;\n"
      "TWO: bar.sync 5, 32; ld.shared.b32 %r4, [%r0]; bar.sync 4, 64; bar.sync "
      "3, 64;\nEND:\n";
  EXPECT_TRUE(races(error(code, 96)));
  std::string ordered =
      code; // warp 2 waits for warp 1 before it lets warp 0 go
  size_t place = ordered.find("bar.sync 4, 64; bar.sync 3, 64;\nEND");
  ordered.replace(place, 31, "bar.sync 3, 64; bar.sync 4, 64;");
  EXPECT_EQ(error(ordered, 96), "");
}

TEST(PtxRace, AtomicsDoNotRaceWithEachOther) {
  std::string zero =
      "setp.eq.u32 %p0, %lane, 0; @%p0 st.shared.b32 [%r0], 0;" + barrier;
  EXPECT_EQ(error(zero + "atom.shared.add.u32 %r4, [%r0], 1;"), "");
  EXPECT_TRUE(races(error(
      zero + "atom.shared.add.u32 %r4, [%r0], 1; ld.shared.b32 %r5, [%r0];")));
  EXPECT_EQ(error(zero + "atom.shared.add.u32 %r4, [%r0], 1; "
                         "ld.volatile.shared.b32 %r5, [%r0];"),
            "");
}

TEST(PtxBarrier, DivergenceIsReported) {
  EXPECT_ERROR(run(module("setp.lt.u32 %p0, %lane, 7; @%p0 bra SKIP; bar.sync "
                          "0;\nSKIP: mov.u32 %r0, 1;"),
                   {}, 1),
               "barrier divergence");
  EXPECT_ERROR(
      run(module("setp.lt.u32 %p0, %lane, 7; @%p0 bar.sync 0;"), {}, 1),
      "barrier divergence");
  // Lanes that have left the kernel are not waited for.
  EXPECT_EQ(run(module("setp.lt.u32 %p0, %lane, 7; @%p0 bra LEAVE; bar.sync 0; "
                       "bra LEAVE;\nLEAVE: "),
                {}, 1)
                .error,
            "");
}

TEST(PtxBarrier, AWarpThatNeverComesIsADeadlock) {
  Outcome result = run(module("shr.u32 %r0, %lane, 5; setp.eq.u32 %p0, %r0, 0; "
                              "@%p0 bar.sync 1, 64;\n@!%p0 bar.sync 2, 64;"),
                       {}, 1, {1, 64});
  EXPECT_ERROR(result, "deadlock: no CTA can make progress");
  EXPECT_ERROR(result, "CTA 0 warp 1 waits at line 19");
}

TEST(PtxBarrier, ReductionsCountPredicates) {
  std::vector<Words> out = lanes("setp.lt.u32 %p0, %lane, 40; bar.red.popc.u32 "
                                 "%r32, 0, %p0; bar.red.or.pred %p1, 0, !%p0;"
                                 "selp.u32 %r33, 1, 0, %p1; bar.red.and.pred "
                                 "%p1, 0, %p0; selp.u32 %r34, 1, 0, %p1;",
                                 {}, 3, {1, 64});
  EXPECT_EQ(out[0], Words(64, 40));
  EXPECT_EQ(out[1], Words(64, 1));
  EXPECT_EQ(out[2], Words(64, 0));
}

TEST(PtxDeadlock, SpinLocksBetweenCtasMakeProgress) {
  // Each CTA waits for the one before it and adds in a fixed order.
  std::string code =
      "setp.ne.u32 %p0, %lane, 0; @%p0 bra WAIT;\n"
      "SPIN: ld.acquire.gpu.global.b32 %r0, [%out]; setp.ne.u32 %p1, %r0, "
      "%cta; @%p1 bra SPIN;\n"
      "WAIT: bar.sync 0; @%p0 bra END; ld.global.b32 %r1, [%out+4]; mad.lo.u32 "
      "%r1, %r1, 3, %cta; st.global.b32 [%out+4], %r1;"
      "add.u32 %r2, %cta, 1; st.release.gpu.global.b32 [%out], %r2;\nEND:\n";
  auto zeroBy = [](int thread) {
    return "setp.eq.u32 %p2, %id, " + std::to_string(thread) +
           "; @%p2 st.global.b32 [%out+4], 0; @%p2 st.global.b32 [%out], 0;";
  };
  const std::string zero = zeroBy(0), zeroByLast = zeroBy(39 * 64);
  Outcome result = run(module(zero + code), {}, 2, {40, 64});
  EXPECT_EQ(result.error, "");
  uint32_t expected = 0;
  for (uint32_t cta = 0; cta < 40; ++cta)
    expected = 3 * expected + cta;
  EXPECT_EQ(result.out, (Words{40, expected}));
  EXPECT_EQ(run(module(zero + code), {}, 2, {40, 64, 0, 3}).error, "");
  // In the other direction the resident CTAs wait for one that is not resident.
  std::string reverse = "mov.u32 %r9, 39; sub.u32 %cta, %r9, %cta;" + code;
  EXPECT_EQ(run(module(zeroByLast + reverse), {}, 2, {40, 64}).error, "");
  EXPECT_ERROR(run(module(zeroByLast + reverse), {}, 2, {40, 64, 0, 3}),
               "deadlock");
}

// CTA 0 leaves a number and raises a flag, for which CTA 1 waits.
static std::string handOver(const std::string &raise, const std::string &look,
                            const std::string &then = "") {
  return module("setp.ne.u32 %p0, %cta, 0; @%p0 bra READ;\n"
                "st.global.b32 [%out+8], 7;" +
                raise +
                " bra END;\n"
                "READ: " +
                look + " setp.ne.u32 %p1, %r0, 1; @%p1 bra READ;\n" + then +
                "ld.global.b32 %r1, [%out+8]; st.global.b32 [%out+4], %r1;\n"
                "END:\n");
}

TEST(PtxGlobalOrder, ReleaseAndAcquireOrderWrites) {
  const std::string release = "st.release.gpu.global.b32 [%out], 1;",
                    acquire = "ld.acquire.gpu.global.b32 %r0, [%out];",
                    store = "st.relaxed.gpu.global.b32 [%out], 1;",
                    load = "ld.relaxed.gpu.global.b32 %r0, [%out];",
                    fence = "fence.acq_rel.gpu;";
  for (const std::string &code :
       {handOver(release, acquire), handOver(fence + store, acquire),
        handOver(release, load, fence),
        handOver("membar.gl;" + store, load, fence),
        handOver("atom.global.exch.b32 %r0, [%out], 1;",
                 "atom.global.or.b32 %r0, [%out], 0;")}) {
    Outcome result = run(code, {}, 3, {2, 1});
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(result.out[1], 7u);
  }
  const char *early = "CTA 0 wrote byte 8 of out";
  for (const std::string &code :
       {handOver(store, acquire), handOver(release, load),
        handOver("membar.cta;" + store, acquire),
        handOver(store + fence, load, fence),
        handOver(release, "ld.volatile.global.b32 %r0, [%out];"),
        handOver("st.release.cta.global.b32 [%out], 1;", acquire)})
    EXPECT_ERROR(run(code, {}, 3, {2, 1}), early);
  // Not even the flag may be read like any other number.
  EXPECT_ERROR(
      run(handOver(release, "ld.global.b32 %r0, [%out];"), {}, 3, {2, 1}),
      "CTA 0 wrote byte 0 of out");
}

TEST(PtxDeadlock, AFlagThatNobodySetsIsReported) {
  Outcome result = run(module("SPIN: ld.acquire.gpu.global.b32 %r0, [%in]; "
                              "setp.eq.u32 %p1, %r0, 0; @%p1 bra SPIN;"),
                       Words(1), 1, {2, 32});
  EXPECT_ERROR(result, "deadlock: no CTA can make progress");
  EXPECT_ERROR(result, "polls at line 18");
}

} // namespace
