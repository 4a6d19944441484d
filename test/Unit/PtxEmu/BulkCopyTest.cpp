//===- BulkCopyTest.cpp - cp.async.bulk in the PTX emulator ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Kernel.h"

using namespace ptx;
using namespace ptx::test;

namespace {

/// An mbarrier of one arrival at [%r0], 256 bytes of tile from [%r0+16] on;
/// %p0 is thread 0, %r1 each thread's word of the tile.
const std::string start =
    ".shared .align 16 .b8 s[272]; mov.u32 %r0, s; shl.b32 %r1, %lane, 2;"
    "add.u32 %r1, %r1, %r0; setp.eq.u32 %p0, %lane, 0;\n"
    "@%p0 mbarrier.init.shared.b64 [%r0], 1; @%p0 fence.proxy.async; "
    "bar.sync 0;\n";
const std::string expect =
    "@%p0 mbarrier.arrive.expect_tx.shared.b64 _, [%r0], 256;\n";
std::string copy(const std::string &bytes = "256",
                 const std::string &to = "%r0+16",
                 const std::string &from = "%in") {
  return "@%p0 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::"
         "bytes [" +
         to + "], [" + from + "], " + bytes + ", [%r0];\n";
}
const std::string wait =
    "WAIT: mbarrier.try_wait.parity.shared.b64 %p2, [%r0], 0; @!%p2 bra "
    "WAIT;\n";
const std::string load = "ld.shared.b32 %r4, [%r1+16]; mul.wide.u32 %d0, "
                         "%lane, 4; add.u64 %d1, %out, %d0;"
                         "st.global.b32 [%d1], %r4;\n";

Words numbers() {
  Words words(96);
  for (uint32_t i = 0; i < words.size(); ++i)
    words[i] = 100 + i;
  return words;
}
Outcome outcome(const std::string &code) {
  return run(module(start + code), numbers(), 64, {1, 64});
}

TEST(PtxBulkCopy, BytesArriveWithThePhase) {
  Outcome result = outcome(expect + copy() + wait + load);
  EXPECT_EQ(result.error, "");
  Words in = numbers();
  EXPECT_EQ(result.out, Words(in.begin(), in.begin() + 64));
  // In two pieces, and before the bytes are expected.
  std::string pieces = copy("128") + copy("128", "%r0+144", "%in+256");
  result = outcome(pieces + expect + wait + load);
  ASSERT_EQ(result.error, "");
  EXPECT_EQ(result.out[32], 164u);
}

TEST(PtxBulkCopy, ReadersHaveToWaitForThePhase) {
  std::string later = "nanosleep.u32 1;" + load; // after the copy's issue
  EXPECT_ERROR(outcome(copy() + later), "asynchronous copy");
  // Complete, but only thread 0's warp knows.
  EXPECT_ERROR(outcome(expect + copy() + later), "no barrier between");
  // Another half is missing: nothing is there.
  EXPECT_ERROR(outcome(expect + copy("128", "%r0+144") + later),
               "asynchronous copy");
}

TEST(PtxBulkCopy, AWrongNumberOfBytesIsADeadlock) {
  EXPECT_ERROR(outcome(expect + copy("240") + wait), "deadlock");
  EXPECT_ERROR(
      outcome("@%p0 mbarrier.arrive.expect_tx.shared.b64 _, [%r0], 128;" +
              copy() + wait),
      "deadlock");
}

TEST(PtxBulkCopy, TheCtaDoesNotEndBeforeIt) {
  EXPECT_ERROR(outcome(copy()), "CTA 0 ends before this bulk copy");
  EXPECT_EQ(outcome(expect + copy() + wait).error, "");
}

TEST(PtxBulkCopy, ReadersAreWaitedForBeforeTheNextCopy) {
  std::string again = expect + copy();
  EXPECT_ERROR(outcome(expect + copy() + wait + load + again),
               "races with the read");
  EXPECT_EQ(
      outcome(expect + copy() + wait + load + "bar.sync 0;" + again).error, "");
}

TEST(PtxBulkCopy, GenericWritesBeforeItNeedAProxyFence) {
  std::string write = "st.shared.b32 [%r1+16], 0;";
  EXPECT_ERROR(outcome(write + "bar.sync 0;" + expect + copy()),
               "no fence.proxy.async between the write of thread");
  EXPECT_EQ(
      outcome(write + "fence.proxy.async; bar.sync 0;" + expect + copy()).error,
      "");
}

TEST(PtxBulkCopy, TheMbarrierNeedsAProxyFence) {
  std::string again = "@%p0 mbarrier.inval.shared.b64 [%r0]; @%p0 "
                      "mbarrier.init.shared.b64 [%r0], 1;";
  std::string rest = "bar.sync 0;" + expect + copy() + wait;
  EXPECT_ERROR(
      outcome(again + rest),
      "the mbarrier: no fence.proxy.async between the write of thread");
  EXPECT_EQ(outcome(again + "@%p0 fence.proxy.async;" + rest).error, "");
}

TEST(PtxBulkCopy, EverythingIsAMultipleOf16) {
  EXPECT_ERROR(outcome(copy("24")), "multiple of 16 bytes, not 24");
  EXPECT_ERROR(outcome(copy("0")), "multiple of 16 bytes, not 0");
  EXPECT_ERROR(outcome(copy("64", "%r0+24")), "not a multiple of 16");
  EXPECT_ERROR(outcome(copy("64", "%r0+16", "%in+8")), "not a multiple of 16");
  EXPECT_ERROR(outcome(copy("256", "%r0+32")), "copy of 256 bytes to shared");
  EXPECT_ERROR(outcome(copy("256", "%r0")), "overwrites an mbarrier");
  EXPECT_ERROR(outcome(copy("256", "%r0+16", "%in+256")), "out of bounds");
}

} // namespace
