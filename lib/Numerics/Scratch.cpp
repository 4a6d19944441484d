//===- Scratch.cpp - memory for one computation ---------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Scratch.h"

#include <cstdlib>
#include <new>
#include <sys/mman.h>

using namespace qopt;

static constexpr int64_t cacheLine = 64, hugePage = 2 << 20;

std::shared_ptr<void> qopt::scratchMemory(int64_t bytes) {
  const int64_t alignment = bytes >= hugePage ? hugePage : cacheLine;
  const int64_t size = (bytes + alignment - 1) / alignment * alignment;
  void *memory = std::aligned_alloc(alignment, size);
  if (!memory && size > 0)
    throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (alignment == hugePage)
    madvise(memory, size, MADV_HUGEPAGE); // a wish; nothing depends on it
#endif
  return {memory, std::free};
}
