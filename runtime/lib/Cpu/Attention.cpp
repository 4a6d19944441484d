//===- Attention.cpp - which attention this processor executes ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Attention.h"
#include "KvCache.h"

#include "qopt/Support/Isa.h"

using namespace qopt;
using namespace qopt::runtime;

int64_t qopt::runtime::attentionScratch(int64_t headDim) {
  const int64_t stride =
      (headDim + KvCache::lanes - 1) / KvCache::lanes * KvCache::lanes;
  return AttentionTask::mostQueries * (headDim + KvCache::tile + stride);
}

const AttentionKernels &qopt::runtime::attentionKernels() {
#ifdef QOPT_X86_KERNELS
  switch (detectIsa()) {
  case Isa::Avx512:
    return attentionAvx512;
  case Isa::Avx2:
    return attentionAvx2;
  case Isa::Baseline:
    break;
  }
#endif
  return attentionBaseline;
}
