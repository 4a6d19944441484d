//===- MbarrierTest.cpp - mbarriers in the PTX emulator -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Kernel.h"

using namespace ptx;
using namespace ptx::test;

namespace {

/// %r0 is the address of two mbarriers and, 16 bytes on, of a word for each
/// thread, whose address is %r1; %r2 is the warp.
std::string body(const std::string &count, const std::string &code) {
  return ".shared .align 16 .b8 s[1040]; mov.u32 %r0, s;"
         "shl.b32 %r1, %lane, 2; add.u32 %r1, %r1, %r0;"
         "add.u32 %r1, %r1, 16; shr.u32 %r2, %lane, 5;"
         "setp.eq.u32 %p0, %lane, 0; setp.eq.u32 %p1, %r2, 0;\n"
         "@%p0 mbarrier.init.shared::cta.b64 [%r0], " +
         count + "; @%p0 fence.mbarrier_init.release.cluster; bar.sync 0;\n" +
         code;
}
Outcome outcome(const std::string &count, const std::string &code,
                unsigned threads = 64, size_t words = 256) {
  return run(module(body(count, code)), Words(words, 7), words, {1, threads});
}
std::string error(const std::string &count, const std::string &code,
                  unsigned threads = 64) {
  return outcome(count, code, threads).error;
}
testing::AssertionResult says(const std::string &message,
                              const std::string &part) {
  if (message.find(part) != std::string::npos)
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << "reported: '" << message << "'";
}

const std::string arrive = "mbarrier.arrive.shared.b64 _, [%r0];\n",
                  write = "st.shared.b32 [%r1], %lane;\n";
std::string waitFor(const std::string &parity, const std::string &label) {
  return label + ": mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r0], " +
         parity + "; @!%p2 bra " + label + ";\n";
}

TEST(PtxMbarrier, PhasesCompleteAfterTheirArrivals) {
  // A fresh mbarrier is in phase 0: waiting for parity 1 succeeds at once.
  EXPECT_EQ(error("64", waitFor("1", "W")), "");
  EXPECT_EQ(error("64", arrive + waitFor("0", "W")), "");
  EXPECT_EQ(error("64", arrive + waitFor("0", "W") + arrive +
                            waitFor("1", "V") + arrive + waitFor("0", "U")),
            "");
  EXPECT_EQ(error("192", "mbarrier.arrive.release.cta.shared::cta.b64 %d0, "
                         "[%r0], 3;" +
                             waitFor("0", "W")),
            "");
}

TEST(PtxMbarrier, TestWaitTellsWhetherThePhaseIsComplete) {
  Outcome result = outcome(
      "2", "@!%p0 bra END;\n"
           "mbarrier.arrive.shared.b64 %d0, [%r0];"
           "mbarrier.test_wait.shared.b64 %p3, [%r0], %d0;"
           "selp.u32 %r3, 1, 0, %p3; st.global.b32 [%out], %r3;"
           "mbarrier.test_wait.parity.shared.b64 %p3, [%r0], 0;"
           "selp.u32 %r3, 1, 0, %p3; st.global.b32 [%out+4], %r3;"
           "mbarrier.arrive.shared.b64 %d1, [%r0];"
           "mbarrier.test_wait.acquire.cta.shared.b64 %p3, [%r0], %d1;"
           "selp.u32 %r3, 1, 0, %p3; st.global.b32 [%out+8], %r3;"
           "mbarrier.test_wait.parity.shared.b64 %p3, [%r0], 0;"
           "selp.u32 %r3, 1, 0, %p3; st.global.b32 [%out+12], %r3;"
           "mbarrier.test_wait.parity.shared.b64 %p3, [%r0], 1;"
           "selp.u32 %r3, 1, 0, %p3; st.global.b32 [%out+16], %r3;\nEND:\n");
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(Words(result.out.begin(), result.out.begin() + 5),
            (Words{0, 0, 1, 1, 0}));
  // Two phases later the state is too old to be tested.
  EXPECT_TRUE(says(error("1", "@!%p0 bra END;\n"
                              "mbarrier.arrive.shared.b64 %d0, [%r0];" +
                                  arrive +
                                  "mbarrier.test_wait.shared.b64 %p3, [%r0], "
                                  "%d0;\nEND:\n"),
                   "the state is of phase 0"));
}

TEST(PtxMbarrier, TransactionsKeepThePhaseOpen) {
  std::string expect =
      "@%p0 mbarrier.arrive.expect_tx.shared.b64 _, [%r0], 96;\n";
  EXPECT_TRUE(says(error("1", expect + waitFor("0", "W")), "deadlock"));
  EXPECT_EQ(error("1", expect +
                           "@%p0 mbarrier.complete_tx.relaxed.cta.shared.b64 "
                           "[%r0], 64; @%p0 mbarrier.complete_tx.shared.b64 "
                           "[%r0], 32;" +
                           waitFor("0", "W")),
            "");
  EXPECT_EQ(error("1", "@%p0 mbarrier.expect_tx.relaxed.cta.shared.b64 [%r0], "
                       "8; @%p0 " +
                           arrive +
                           "@%p0 mbarrier.complete_tx.shared.b64 [%r0], 8;" +
                           waitFor("0", "W")),
            "");
}

TEST(PtxMbarrier, ArrivalsReleaseAndWaitsAcquire) {
  // Warp 0 produces, warp 1 consumes.
  std::string consume = "bra END;\nCONSUME: " + waitFor("0", "W") +
                        "ld.shared.b32 %r4, [%r1+-128];\nEND:\n";
  EXPECT_EQ(error("32", "@!%p1 bra CONSUME;\n" + write + arrive + consume), "");
  EXPECT_TRUE(says(error("32", "@!%p1 bra CONSUME;\n" + arrive +
                                   "bar.warp.sync -1;" + write + consume),
                   "no barrier between"));
  std::string relaxed = "mbarrier.arrive.relaxed.cta.shared.b64 _, [%r0];\n";
  EXPECT_TRUE(
      says(error("32", "@!%p1 bra CONSUME;\n" + write + relaxed + consume),
           "no barrier between"));
  // The consumer does not wait.
  EXPECT_TRUE(says(
      error("32", write + "@!%p1 bra CONSUME;\n" + arrive +
                      "bra END;\nCONSUME: nanosleep.u32 1; ld.shared.b32 %r4, "
                      "[%r1+-128];\nEND:\n"),
      "no barrier between"));
}

TEST(PtxMbarrier, BuffersAreHandedBack) {
  // full at [%r0], empty at [%r0+8]: two rounds through one buffer.
  std::string init = "@%p0 mbarrier.init.shared.b64 [%r0+8], 32; bar.sync 0;\n";
  auto empty = [](const std::string &parity, const std::string &label) {
    return label + ": mbarrier.try_wait.parity.shared.b64 %p2, [%r0+8], " +
           parity + ", 1000; @!%p2 bra " + label + ";\n";
  };
  std::string give = "mbarrier.arrive.shared.b64 _, [%r0+8];\n";
  std::string read = "ld.shared.b32 %r4, [%r1+-128];\n";
  std::string produce = init + "@!%p1 bra CONSUME;\n" + empty("1", "A") +
                        write + arrive + empty("0", "B") + write + arrive +
                        "bra END;\n";
  std::string consume = "CONSUME: " + waitFor("0", "C") + read + give +
                        waitFor("1", "D") + read + give + "END:\n";
  EXPECT_EQ(error("32", produce + consume), "");
  // Handed back before it is read.
  std::string early = "CONSUME: " + waitFor("0", "C") + give + read +
                      waitFor("1", "D") + read + give + "END:\n";
  EXPECT_TRUE(says(error("32", produce + early), "no barrier between"));
  // The wrong parity does not wait for the consumer.
  std::string wrong = init + "@!%p1 bra CONSUME;\n" + empty("1", "A") + write +
                      arrive + empty("1", "B") + write + arrive + "bra END;\n";
  EXPECT_NE(error("32", wrong + consume), "");
}

TEST(PtxMbarrier, LanesAreOrderedByTheirArrivals) {
  std::string neighbour = "xor.b32 %r5, %lane, 1; shl.b32 %r5, %r5, 2;"
                          "add.u32 %r5, %r5, %r0;";
  std::string read = "ld.shared.b32 %r4, [%r5+16];\n";
  EXPECT_EQ(error("64", neighbour + write + arrive + waitFor("0", "W") + read),
            "");
  EXPECT_TRUE(
      says(error("64", neighbour + arrive + waitFor("0", "W") + write + read),
           "no barrier between"));
}

TEST(PtxMbarrier, APhaseThatCannotCompleteIsADeadlock) {
  std::string message = error("65", arrive + waitFor("0", "W"));
  EXPECT_TRUE(says(message, "deadlock: no CTA can make progress"));
  EXPECT_TRUE(says(message, "polls at line"));
}

TEST(PtxMbarrier, MisuseIsReported) {
  EXPECT_TRUE(says(error("2", "@%p0 mbarrier.arrive.shared.b64 _, [%r0], 3;"),
                   "3 arrivals, but of the 2 of the phase 2 are left"));
  EXPECT_TRUE(says(error("0", ""), "an mbarrier counts 1 to 1048575 arrivals"));
  EXPECT_TRUE(says(error("1", "@%p0 mbarrier.init.shared.b64 [%r0], 1;"),
                   "an mbarrier is here already"));
  EXPECT_TRUE(says(error("1", "mbarrier.arrive.shared.b64 _, [%r0+8];"),
                   "nobody has written"));
  EXPECT_TRUE(says(error("1", "mbarrier.arrive.shared.b64 _, [%r0+4];"),
                   "not a multiple of 8"));
  EXPECT_TRUE(says(error("1", "ld.shared.b32 %r4, [%r0+4];"),
                   "belongs to an mbarrier"));
  EXPECT_TRUE(says(error("1", "@%p0 mbarrier.inval.shared.b64 [%r0]; bar.sync "
                              "0;" +
                                  arrive),
                   "holds no mbarrier"));
  EXPECT_EQ(error("1", "@%p0 mbarrier.inval.shared.b64 [%r0]; @%p0 "
                       "st.shared.b32 [%r0], 1;"),
            "");
  EXPECT_TRUE(
      says(error("1", "mbarrier.test_wait.parity.shared.b64 %p3, [%r0], 2;"),
           "parity is 0 or 1"));
  // The initialization has to be seen by the others.
  std::string early = body("64", "");
  early.replace(early.find("bar.sync 0;"), 11, "");
  EXPECT_TRUE(says(run(module(early + arrive), {}, 1, {1, 64}).error,
                   "no barrier between"));
}

TEST(PtxMbarrier, CopiesArriveWhenTheyAreComplete) {
  std::string copy = "mul.wide.u32 %d0, %lane, 4; add.u64 %d1, %in, %d0;"
                     "cp.async.ca.shared.global [%r1], [%d1], 4;\n";
  std::string noincrease =
      "cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%r0];\n";
  std::string consume = "bra END;\nCONSUME: " + waitFor("0", "W") +
                        "ld.shared.b32 %r4, [%r1+-128];\nEND:\n";
  EXPECT_EQ(error("32", "@!%p1 bra CONSUME;\n" + copy + noincrease + consume),
            "");
  // Without .noinc the arrival is one more than the count.
  std::string increase = "cp.async.mbarrier.arrive.shared.b64 [%r0];\n";
  EXPECT_EQ(
      error("32", "@!%p1 bra CONSUME;\n" + copy + increase + arrive + consume),
      "");
  EXPECT_TRUE(
      says(error("32", "@!%p1 bra CONSUME;\n" + copy + increase + consume),
           "deadlock"));
  // A copy after the arrival is not waited for, nor the thread's own copies
  // before the phase is complete.
  EXPECT_TRUE(
      says(error("32", "@!%p1 bra CONSUME;\n" + noincrease + copy + consume),
           "asynchronous copy that is not waited for"));
  EXPECT_TRUE(says(error("64", copy + noincrease + "ld.shared.b32 %r4, [%r1];"),
                   "asynchronous copy that is not waited for"));
  EXPECT_TRUE(says(error("2", "@%p0 mbarrier.expect_tx.shared.b64 [%r0], 8;"
                              "setp.lt.u32 %p3, %lane, 3; @%p3 " +
                                  noincrease),
                   "1 arrivals, but of the 2 of the phase 0 are left"));
}

TEST(PtxSynchronization, RegisterCountsAreChecked) {
  auto set = [](const std::string &text) {
    return run(module("setmaxnreg." + text + ";"), {}, 1, {1, 128}).error;
  };
  EXPECT_EQ(set("dec.sync.aligned.u32 24"), "");
  EXPECT_EQ(set("inc.sync.aligned.u32 256"), "");
  for (const char *count : {"20", "264", "100"})
    EXPECT_TRUE(says(set(std::string("inc.sync.aligned.u32 ") + count),
                     "multiple of 8 from 24 to 256"));
}

TEST(PtxSynchronization, NamedBarriersCountWholeWarpsOfPartialBlocks) {
  // 40 threads: the second warp has 8 lanes and counts as 32.
  EXPECT_EQ(run(module("bar.sync 1, 64;"), {}, 1, {1, 40}).error, "");
  EXPECT_TRUE(
      says(run(module("bar.sync 1, 96;"), {}, 1, {1, 40}).error, "deadlock"));
  EXPECT_TRUE(says(run(module("bar.sync 1, 40;"), {}, 1, {1, 40}).error,
                   "multiple of 32"));
}

} // namespace
