//===- Wgmma.h - kernels with wgmma for the emulator's tests ---*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TEST_PTXEMU_WGMMA_H
#define QOPT_TEST_PTXEMU_WGMMA_H

#include "Kernel.h"
#include "MatrixDescriptor.h"

namespace ptx::test {

/// A module whose body has %f<128>, the shared array smem, and its address in
/// %r0.
inline std::string wgmmaModule(const std::string &body) {
  return module(".reg .f32 %f<128>; mov.u32 %r0, smem;\n" + body,
                ".extern .shared .align 1024 .b8 smem[];");
}

/// The first `bytes` of `in` into smem by 128 threads.
inline std::string copyToShared(unsigned bytes) {
  return "mul.lo.u32 %r1, %lane, 16;\nCOPY: cvt.u64.u32 %d0, %r1; add.u64 %d0, "
         "%d0, %in; ld.global.v4.b32 {%r4, %r5, %r6, %r7}, [%d0];"
         "add.u32 %r2, %r1, %r0; st.shared.v4.b32 [%r2], {%r4, %r5, %r6, %r7};"
         "add.u32 %r1, %r1, 2048; setp.lt.u32 %p0, %r1, " +
         std::to_string(bytes) + "; @%p0 bra COPY;\n";
}

/// d = a descriptor that lacks the address of smem.
inline std::string descriptor(const std::string &d, uint64_t bits) {
  return "shr.u32 %r1, %r0, 4; cvt.u64.u32 " + d + ", %r1; add.u64 " + d +
         ", " + d + ", " + std::to_string(bits) + ";\n";
}

inline std::string accumulators(unsigned columns) {
  std::string text = "{";
  for (unsigned i = 0; i < columns / 2; ++i)
    text += (i ? ", %f" : "%f") + std::to_string(i);
  return text + "}";
}

} // namespace ptx::test

#endif // QOPT_TEST_PTXEMU_WGMMA_H
