//===- LargeAllocations.cpp - huge pages for large arrays -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Matrices of a large model are tens of megabytes each, and a walk along a
// column of one touches a page per element: with pages of 4 KiB, a miss of the
// TLB each (docs/Results.md, dense kernels). Most systems give huge pages only
// to those who ask; so programs of qopt do, where an array is large. Libraries
// leave the allocator of their host alone.
//
//===----------------------------------------------------------------------===//
#include <cstdint>
#include <cstdlib>
#include <malloc.h>
#include <new>
#include <sys/mman.h>

static constexpr size_t hugePage = 2 << 20, largeArray = 256 << 10;

#ifdef M_MMAP_THRESHOLD
/// Arrays up to the most that glibc allows lie side by side, where they can
/// share huge pages, and a little that is free stays for the next one, so that
/// it need not be zeroed again.
[[maybe_unused]] static const bool tuned =
    mallopt(M_MMAP_THRESHOLD, 32 << 20) == 1 &&
    mallopt(M_TRIM_THRESHOLD, 256 << 20) == 1;
#endif

void *operator new(size_t size) {
  void *memory = std::malloc(size > 0 ? size : 1);
  if (!memory)
    throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (size >= largeArray) {
    // All pages that it touches; to neighbours this is as good.
    const uintptr_t begin = reinterpret_cast<uintptr_t>(memory) & -hugePage;
    const uintptr_t end =
        (reinterpret_cast<uintptr_t>(memory) + size + hugePage - 1) & -hugePage;
    madvise(reinterpret_cast<void *>(begin), end - begin, MADV_HUGEPAGE);
  }
#endif
  return memory;
}

void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
