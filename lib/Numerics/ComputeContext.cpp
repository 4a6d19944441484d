//===- ComputeContext.cpp - choosing the instruction set ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/ComputeContext.h"
#include "KernelTable.h"

using namespace qopt;

const KernelTable &qopt::kernelsFor(Isa isa) {
#ifdef QOPT_X86_KERNELS
  if (isa == Isa::Avx512)
    return kernelsAvx512;
  if (isa == Isa::Avx2)
    return kernelsAvx2;
#endif
  return kernelsBaseline;
}
