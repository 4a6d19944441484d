//===- WgmmaErrorsTest.cpp - mistakes around wgmma in the PTX emulator ----===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Wgmma.h"

using namespace ptx;
using namespace ptx::test;

namespace {

// B is 8 x 16 without a swizzle: 256 bytes, one word for each of 64 threads.
const std::string fill = "shl.b32 %r1, %lane, 2; add.u32 %r2, %r0, %r1;"
                         "setp.lt.u32 %p1, %lane, 64;"
                         "@%p1 st.shared.b32 [%r2], 0;\n",
                  proxy = "fence.proxy.async.shared::cta;\n",
                  barrier = "bar.sync 0;\n",
                  prepare = "shr.u32 %r3, %r0, 4; cvt.u64.u32 %d5, %r3;"
                            "or.b64 %d5, %d5, 0x1000080000;"
                            "mov.b32 %r4, 0; mov.b32 %r5, 0; mov.b32 %r6, 0;"
                            "mov.b32 %r7, 0; setp.ne.u32 %p0, 0, 0;\n",
                  fence = "wgmma.fence.sync.aligned;\n",
                  mma = "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 "
                        "{%f0, %f1, %f2, %f3}, {%r4, %r5, %r6, %r7}, %d5, %p0, "
                        "1, 1, 0;\n",
                  commit = "wgmma.commit_group.sync.aligned;\n",
                  wait = "wgmma.wait_group.sync.aligned 0;\n",
                  use = "add.f32 %f4, %f0, %f1;\n";
const std::string start = fill + proxy + barrier + prepare;

std::string error(const std::string &code, unsigned threads = 128) {
  return run(wgmmaModule(code), {}, 1, {1, threads, 1024}).error;
}
testing::AssertionResult says(const std::string &message,
                              const std::string &part) {
  if (message.find(part) != std::string::npos)
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << "reported: '" << message << "'";
}

TEST(PtxWgmmaErrors, ARightKernelHasNone) {
  EXPECT_EQ(error(start + fence + mma + commit + wait + use), "");
  // Two warpgroups read the same B.
  EXPECT_EQ(error(start + fence + mma + commit + wait + use, 256), "");
  // More on the same accumulators, in one group or several.
  EXPECT_EQ(error(start + fence + mma + mma + commit + mma + commit +
                  "wgmma.wait_group.sync.aligned 0;" + use),
            "");
}

TEST(PtxWgmmaErrors, AccumulatorsBelongToItUntilTheWait) {
  const char *message = "%f0 is an accumulator of the wgmma at line";
  EXPECT_TRUE(says(error(start + fence + mma + use), message));
  EXPECT_TRUE(says(error(start + fence + mma + commit + use), message));
  EXPECT_TRUE(
      says(error(start + fence + mma + commit + "mov.f32 %f0, 0f00000000;"),
           message));
  // Not committed, or not old enough.
  EXPECT_TRUE(says(error(start + fence + mma + wait + use), message));
  EXPECT_TRUE(says(error(start + fence + mma + commit +
                         "wgmma.wait_group.sync.aligned 1;" + use),
                   message));
}

TEST(PtxWgmmaErrors, RegistersOfABelongToItUntilTheWait) {
  const char *message = "%r4 is a part of A of the wgmma at line";
  EXPECT_TRUE(
      says(error(start + fence + mma + commit + "mov.b32 %r4, 1;"), message));
  EXPECT_TRUE(
      says(error(start + fence + mma + commit + "mov.b32 %r9, %r4;"), message));
  EXPECT_EQ(error(start + fence + mma + commit + wait + "mov.b32 %r4, 1;"), "");
}

TEST(PtxWgmmaErrors, OtherAccessesNeedAFence) {
  EXPECT_TRUE(says(error(start + mma + commit + wait),
                   "no wgmma.fence before the first wgmma"));
  EXPECT_TRUE(says(error(start + fence + "mov.b32 %r6, 1;" + mma),
                   "%r6 was accessed by another instruction after the last "
                   "wgmma.fence"));
  EXPECT_TRUE(says(error(start + fence + mma + commit + wait + use + mma),
                   "%f0 was accessed by another instruction"));
  EXPECT_EQ(error(start + fence + mma + commit + wait + use + fence + mma +
                  commit + wait),
            "");
}

TEST(PtxWgmmaErrors, PendingAccumulatorsHaveOneShape) {
  std::string wider = "wgmma.mma_async.sync.aligned.m64n16k16.f32.f16.f16 "
                      "{%f0, %f1, %f2, %f3, %f8, %f9, %f10, %f11}, {%r4, %r5, "
                      "%r6, %r7}, %d5, %p0, 1, 1, 0;\n";
  EXPECT_TRUE(says(error(start + fence + mma + wider),
                   "which is not waited for and uses it in another way"));
}

TEST(PtxWgmmaErrors, AccumulatorsThatAreAddedToMustBeWritten) {
  EXPECT_TRUE(says(error(start + "setp.eq.u32 %p0, 0, 0;" + fence + mma),
                   "adds to register %f0, which was never written"));
}

TEST(PtxWgmmaErrors, GenericWritesNeedAProxyFence) {
  const char *message = "no fence.proxy.async between the write of thread";
  std::string rest = prepare + fence + mma + commit + wait;
  EXPECT_TRUE(says(error(fill + barrier + rest), message));
  // Before the write, or of another thread.
  EXPECT_TRUE(says(error(proxy + fill + barrier + rest), message));
  EXPECT_TRUE(says(error(fill + "@!%p1 " + proxy + barrier + rest), message));
  EXPECT_TRUE(says(
      error(fill + "setp.eq.u32 %p2, %lane, 0; @%p2 " + proxy + barrier + rest),
      message));
  EXPECT_TRUE(says(error(fill + "fence.proxy.async.global;" + barrier + rest),
                   message));
  // The readers' fences lie between, too, if all of them execute it.
  EXPECT_EQ(error(fill + barrier + proxy + rest), "");
  EXPECT_TRUE(says(error(fill + proxy + rest), "no barrier between"));
}

TEST(PtxWgmmaErrors, AsynchronousCopiesAreGenericWrites) {
  std::string copy = "shl.b32 %r1, %lane, 4; add.u32 %r2, %r0, %r1;"
                     "cvt.u64.u32 %d0, %r1; add.u64 %d0, %d0, %in;"
                     "setp.lt.u32 %p1, %lane, 16;"
                     "@%p1 cp.async.cg.shared.global [%r2], [%d0], 16;"
                     "cp.async.wait_all;\n";
  std::string rest = barrier + prepare + fence + mma + commit + wait;
  auto withInput = [&](const std::string &code) {
    return run(wgmmaModule(code), Words(64), 1, {1, 128, 1024}).error;
  };
  EXPECT_TRUE(says(withInput(copy + rest), "no fence.proxy.async"));
  EXPECT_EQ(withInput(copy + proxy + rest), "");
}

TEST(PtxWgmmaErrors, PendingReadsKeepTheirBytes) {
  const std::string issued = start + fence + mma + commit;
  EXPECT_TRUE(says(error(issued + fill),
                   "reads the bytes, and no wgmma.wait_group has waited"));
  EXPECT_TRUE(
      says(run(wgmmaModule(issued + "@%p1 cp.async.ca.shared.global [%r2], "
                                    "[%in], 4;"),
               Words(1), 1, {1, 128, 1024})
               .error,
           "reads the bytes, and no wgmma.wait_group has waited"));
  // The wait of one warp is enough, for itself and for who comes after it.
  EXPECT_EQ(error(issued + wait + barrier + fill), "");
  EXPECT_EQ(error(issued + wait + fill), "");
  EXPECT_EQ(error(issued + "setp.lt.u32 %p2, %lane, 32; @%p2 bra SKIP;\n" +
                  wait + "SKIP: bar.sync 1; setp.gt.u32 %p2, %lane, 31; @%p2 " +
                  fill),
            "");
  // Another warpgroup has to know that somebody waited.
  std::string second = "setp.ge.u32 %p3, %lane, 128; @%p3 bra OTHER;\n";
  std::string other = "bra END;\nOTHER: sub.u32 %r2, %r2, 512;"
                      "st.shared.b32 [%r2], 1;\nEND:\n";
  std::string first =
      fill + proxy + barrier + prepare + second + fence + mma + commit + wait;
  EXPECT_TRUE(says(error(first + other, 192), "no barrier between"));
  EXPECT_EQ(error(first + "bar.arrive 3, 192; bra END;\nOTHER: bar.sync 3, 192;"
                          "sub.u32 %r2, %r2, 512; st.shared.b32 [%r2], 1;\n"
                          "END:\n",
                  192),
            "");
}

TEST(PtxWgmmaErrors, TheMatrixLiesInSharedMemory) {
  EXPECT_TRUE(says(error(start + "mov.b64 %d5, 0x1000084000;" + fence + mma),
                   "shared offset -1024 of 1024 bytes"));
  EXPECT_TRUE(says(error(start + "add.u64 %d5, %d5, 16;" + fence + mma),
                   "nobody has written"));
}

TEST(PtxWgmmaErrors, TheWarpgroupComesTogether) {
  EXPECT_TRUE(
      says(error(start + fence + mma, 64), "no four warps for this warpgroup"));
  EXPECT_TRUE(
      says(error(start + fence + "setp.lt.u32 %p2, %lane, 96; @%p2 " + mma),
           "deadlock"));
  EXPECT_TRUE(says(error(start + fence +
                         "setp.lt.u32 %p2, %lane, 96; @%p2 "
                         "bra FIRST;\n" +
                         mma + "bra END;\nFIRST: " + mma + "END:\n"),
                   "waits at the wgmma at line"));
  EXPECT_TRUE(
      says(error(start + fence + "setp.ne.u32 %p2, %lane, 7; @%p2 " + mma),
           "needs all lanes of the warp"));
  EXPECT_TRUE(says(error(start + "setp.lt.u32 %p0, %lane, 32;" + fence + mma),
                   "scale-d differs"));
  EXPECT_TRUE(says(error(start +
                         "cvt.u64.u32 %d6, %lane; add.u64 %d5, %d5, "
                         "%d6;" +
                         fence + mma),
                   "descriptor is not the same"));
  EXPECT_TRUE(says(
      error(start + fence + "setp.lt.u32 %p2, %lane, 96; @%p2 " + commit + mma),
      "different numbers of groups"));
}

} // namespace
