//===- Scratch.cpp - memory for one computation ---------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Scratch.h"

#include <new>
#include <sys/mman.h>

using namespace qopt;

static constexpr int64_t cacheLine = 64, hugePage = 2 << 20;

std::shared_ptr<void> qopt::scratchMemory(int64_t bytes) {
  const int64_t alignment = bytes >= hugePage ? hugePage : cacheLine;
  const int64_t size = (bytes + alignment - 1) / alignment * alignment;
  // Not by an aligned operator: programs replace the plain one.
  void *whole = ::operator new(size + alignment);
  void *memory = reinterpret_cast<void *>(
      (reinterpret_cast<uintptr_t>(whole) + alignment - 1) & -alignment);
#ifdef MADV_HUGEPAGE
  if (alignment == hugePage)
    madvise(memory, size, MADV_HUGEPAGE); // a wish; nothing depends on it
#endif
  return {memory, [whole](void *) { ::operator delete(whole); }};
}

void qopt::fetchPages(ThreadPool &pool, void *memory, int64_t bytes) {
#ifdef MADV_POPULATE_WRITE
  constexpr int64_t piece = 8 * hugePage;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t first = (begin + hugePage - 1) & -hugePage;
  const int64_t count = (int64_t(begin + bytes) - int64_t(first)) / piece;
  if (count > 1)
    pool.parallelFor(count, [&](int64_t i) {
      // Older kernels refuse, and give pages when they are touched.
      madvise(reinterpret_cast<void *>(first + i * piece), piece,
              MADV_POPULATE_WRITE);
    });
#endif
}
