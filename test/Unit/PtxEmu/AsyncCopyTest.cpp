//===- AsyncCopyTest.cpp - cp.async in the PTX emulator -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Kernel.h"

using namespace ptx;
using namespace ptx::test;

namespace {

/// Each lane copies 16 bytes of `in` to its place in two tiles of 512 bytes.
const std::string start = R"(
  .shared .align 16 .b8 tile[1024];
  mov.u32 %r0, tile;
  shl.b32 %r1, %lane, 4;
  add.u32 %r2, %r0, %r1;
  cvt.u64.u32 %d0, %r1;
  add.u64 %d1, %in, %d0;
  add.u64 %d2, %out, %d0;
)";
const std::string copy = "cp.async.cg.shared.global [%r2], [%d1], 16;\n";
const std::string second =
    "cp.async.cg.shared.global [%r2+512], [%d1+512], 16;\n";
const std::string commit = "cp.async.commit_group;\n";
const std::string load = "ld.shared.v4.b32 {%r4, %r5, %r6, %r7}, [%r2]; "
                         "st.global.v4.b32 [%d2], {%r4, %r5, %r6, %r7};\n";

Words numbers() {
  Words words(256);
  for (uint32_t i = 0; i < words.size(); ++i)
    words[i] = 1000 + i;
  return words;
}

TEST(PtxAsyncCopy, BytesArriveWithTheWait) {
  Outcome result =
      run(module(start + copy + commit + "cp.async.wait_group 0;\n" + load),
          numbers(), 128);
  EXPECT_EQ(result.error, "");
  Words in = numbers();
  EXPECT_EQ(result.out, Words(in.begin(), in.begin() + 128));
  EXPECT_EQ(
      run(module(start + copy + "cp.async.wait_all;\n" + load), numbers(), 128)
          .error,
      "");
}

TEST(PtxAsyncCopy, AMissingWaitIsReported) {
  Outcome result = run(module(start + copy + commit + load), numbers(), 128);
  EXPECT_ERROR(result,
               "destination of an asynchronous copy that is not waited for");
  // A group that was not committed is not waited for either.
  result = run(module(start + copy + "cp.async.wait_group 0;\n" + load),
               numbers(), 128);
  EXPECT_ERROR(result, "asynchronous copy");
}

TEST(PtxAsyncCopy, GroupsCompleteInOrder) {
  std::string both = start + copy + commit + second + commit;
  EXPECT_EQ(
      run(module(both + "cp.async.wait_group 1;\n" + load), numbers(), 128)
          .error,
      "");
  EXPECT_ERROR(
      run(module(both + "cp.async.wait_group 2;\n" + load), numbers(), 128),
      "asynchronous copy");
  // The second tile belongs to the newest group.
  EXPECT_ERROR(
      run(module(both + "cp.async.wait_group 1; ld.shared.b32 %r4, [%r2+512];"),
          numbers(), 128),
      "asynchronous copy");
  // An empty group counts.
  EXPECT_EQ(run(module(start + copy + commit + commit +
                       "cp.async.wait_group 1;\n" + load),
                numbers(), 128)
                .error,
            "");
}

TEST(PtxAsyncCopy, OtherThreadsNeedABarrier) {
  // Lane l reads what lane l ^ 1 has copied.
  std::string other =
      "xor.b32 %r9, %r1, 16; add.u32 %r9, %r0, %r9; ld.shared.b32 %r4, [%r9];";
  std::string wait = "cp.async.wait_all;\n";
  EXPECT_ERROR(run(module(start + copy + wait + other), numbers(), 128),
               "no barrier between");
  EXPECT_EQ(
      run(module(start + copy + wait + "bar.sync 0;" + other), numbers(), 128)
          .error,
      "");
  // The barrier alone does not make the bytes arrive.
  EXPECT_ERROR(run(module(start + copy + commit + "bar.sync 0;" + other),
                   numbers(), 128),
               "asynchronous copy");
}

TEST(PtxAsyncCopy, ABufferIsReusedAfterItsReaders) {
  std::string read =
      "xor.b32 %r9, %r1, 16; add.u32 %r9, %r0, %r9; ld.shared.b32 %r4, [%r9];";
  std::string first = start + copy + "cp.async.wait_all; bar.sync 0;" + read;
  EXPECT_ERROR(run(module(first + copy), numbers(), 128),
               "races with the read");
  EXPECT_EQ(run(module(first + "bar.sync 0;" + copy), numbers(), 128).error,
            "");
}

TEST(PtxAsyncCopy, ShortSourcesAreFilledWithZeros) {
  std::string part =
      "cp.async.ca.shared.global [%r2], [%d1], 16, 8; cp.async.wait_all;\n";
  Outcome result = run(module(start + part + load), numbers(), 128);
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.out[1], 1001u);
  EXPECT_EQ(result.out[2], 0u);
  // Nothing is read when the size is 0: rows beyond the end of a matrix.
  part = "mov.u32 %r8, 0; cp.async.cg.shared.global.L2::128B [%r2], "
         "[%d1+4096], 16, %r8; cp.async.wait_all;\n";
  result = run(module(start + part + load), numbers(), 128);
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.out[5], 0u);
  part = "setp.ge.u32 %p0, %lane, 16; cp.async.ca.shared.global [%r2], [%d1], "
         "16, %p0; cp.async.wait_all;\n";
  result = run(module(start + part + load), Words(64, 7), 128);
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.out[63], 7u);
  EXPECT_EQ(result.out[64], 0u);
}

TEST(PtxAsyncCopy, BothAddressesAreAligned) {
  EXPECT_ERROR(
      run(module(start + "cp.async.cg.shared.global [%r2+8], [%d1], 16;"),
          numbers(), 128),
      "not a multiple of 16");
  EXPECT_ERROR(
      run(module(start + "cp.async.cg.shared.global [%r2], [%d1+4], 16;"),
          numbers(), 128),
      "not a multiple of 16");
  EXPECT_ERROR(
      run(module(start + "cp.async.cg.shared.global [%r2], [%d1+1024], 16;"),
          numbers(), 128),
      "out of bounds");
  EXPECT_ERROR(
      run(module(start + "cp.async.cg.shared.global [%r2+1024], [%d1], 16;"),
          numbers(), 128),
      "shared offset 1024");
}

} // namespace
