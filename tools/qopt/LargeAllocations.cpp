//===- LargeAllocations.cpp - huge pages for large arrays -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Matrices of a large model are tens of megabytes each, and a walk along a
// column of one touches a page per element. With pages of 4 KiB that misses
// the TLB at every step: sums of outer products run at half the speed, and
// zeroing fresh pages one by one takes as long as some of the products. Most
// systems give huge pages only to those who ask; so programs of qopt do, where
// an array is large. Libraries leave the allocator of their host alone.
//
//===----------------------------------------------------------------------===//
#include <cstdint>
#include <cstdlib>
#include <new>
#include <sys/mman.h>

static constexpr size_t hugePage = 2 << 20;

void *operator new(size_t size) {
  void *memory = std::malloc(size > 0 ? size : 1);
  if (!memory)
    throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (size >= 2 * hugePage) {
    const uintptr_t begin =
        (reinterpret_cast<uintptr_t>(memory) + hugePage - 1) & -hugePage;
    const uintptr_t end =
        (reinterpret_cast<uintptr_t>(memory) + size) & -hugePage;
    madvise(reinterpret_cast<void *>(begin), end - begin, MADV_HUGEPAGE);
  }
#endif
  return memory;
}

void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
