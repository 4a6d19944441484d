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
// A fresh page is zeroed by the kernel, on the one thread that touches it first
// (in a virtual machine perhaps by its host as well), which can take longer
// than what is then computed in it. So what is freed waits for the next array
// of about its size. Arrays in use and waiting are together never more than
// those in use have been at their most.
//
//===----------------------------------------------------------------------===//
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <malloc.h>
#include <mutex>
#include <new>
#include <sys/mman.h>

static constexpr size_t hugePage = 2 << 20, largeArray = 256 << 10;
/// What malloc takes from the kernel, and gives back, array by array.
static constexpr size_t mappedArray = 32 << 20;

#ifdef M_MMAP_THRESHOLD
/// Arrays up to the most that glibc allows lie side by side, where they can
/// share huge pages, and a little that is free stays for the next one.
[[maybe_unused]] static const bool tuned =
    mallopt(M_MMAP_THRESHOLD, mappedArray) == 1 &&
    mallopt(M_TRIM_THRESHOLD, 256 << 20) == 1;
#endif

namespace {
/// Mapped arrays that have been freed. Sizes are those of malloc_usable_size.
class WaitingArrays {
public:
  /// One for `size` bytes of which no more than a quarter is too much; or null.
  void *take(size_t size) {
    std::lock_guard lock(mutex);
    Array *best = nullptr;
    for (Array *array = arrays; array < arrays + count; ++array)
      if (array->size >= size && array->size - array->size / 4 <= size &&
          (!best || array->size < best->size))
        best = array;
    if (!best)
      return nullptr;
    used += best->size;
    return remove(best);
  }

  /// A new array is in use.
  void add(size_t size) {
    std::lock_guard lock(mutex);
    used += size;
    mostUsed = std::max(mostUsed, used);
    while (used + waiting > mostUsed)
      std::free(remove(arrays));
  }

  /// An array is in use no longer.
  void keep(void *memory, size_t size) {
    std::lock_guard lock(mutex);
    used -= size;
    if (count == capacity)
      std::free(remove(arrays));
    arrays[count++] = {memory, size};
    waiting += size;
  }

  /// Gives back all that waits.
  void release() {
    std::lock_guard lock(mutex);
    while (count > 0)
      std::free(remove(arrays));
  }

private:
  struct Array {
    void *memory;
    size_t size;
  };
  void *remove(Array *array) {
    void *memory = array->memory;
    waiting -= array->size;
    std::copy(array + 1, arrays + count--, array);
    return memory;
  }

  static constexpr int capacity = 64;
  std::mutex mutex;
  Array arrays[capacity] = {}; // the first have waited longest
  int count = 0;
  size_t used = 0, waiting = 0, mostUsed = 0;
};
} // namespace

static constinit WaitingArrays waitingArrays;

void *operator new(size_t size) {
  if (size >= mappedArray)
    if (void *memory = waitingArrays.take(size))
      return memory;
  void *memory = std::malloc(size > 0 ? size : 1);
  if (!memory) {
    waitingArrays.release();
    memory = std::malloc(size);
  }
  if (!memory)
    throw std::bad_alloc();
  if (size < largeArray)
    return memory;
  if (const size_t usable = malloc_usable_size(memory); usable >= mappedArray)
    waitingArrays.add(usable);
#ifdef MADV_HUGEPAGE
  // All pages that it touches; to neighbours this is as good.
  const uintptr_t begin = reinterpret_cast<uintptr_t>(memory) & -hugePage;
  const uintptr_t end =
      (reinterpret_cast<uintptr_t>(memory) + size + hugePage - 1) & -hugePage;
  madvise(reinterpret_cast<void *>(begin), end - begin, MADV_HUGEPAGE);
#endif
  return memory;
}

void operator delete(void *memory) noexcept {
  const size_t usable = memory ? malloc_usable_size(memory) : 0;
  if (usable >= mappedArray)
    waitingArrays.keep(memory, usable);
  else
    std::free(memory);
}
void operator delete(void *memory, size_t) noexcept { operator delete(memory); }
