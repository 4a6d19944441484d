//===- Scratch.h - memory for one computation -------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_NUMERICS_SCRATCH_H
#define QOPT_LIB_NUMERICS_SCRATCH_H

#include "qopt/Support/ThreadPool.h"

#include <memory>
#include <vector>

namespace qopt {

/// Uninitialised memory, aligned to a cache line. Much of it is asked for in
/// huge pages: packed operands are read from end to end again and again, and
/// with pages of 4 KiB every third tile would begin with a miss of the TLB.
std::shared_ptr<void> scratchMemory(int64_t bytes);

/// `count` uninitialised numbers.
template <typename T> class Scratch {
public:
  explicit Scratch(int64_t count)
      : memory(scratchMemory(count * int64_t(sizeof(T)))) {}
  T *data() const { return static_cast<T *>(memory.get()); }

private:
  std::shared_ptr<void> memory;
};

/// Has the threads of the pool fetch fresh memory from the kernel, which zeroes
/// it; whoever touches it first would have all of it zeroed on its own thread.
void fetchPages(ThreadPool &pool, void *memory, int64_t bytes);

/// numbers = count zeros.
template <typename T>
void assignZeros(ThreadPool &pool, std::vector<T> &numbers, int64_t count) {
  numbers.clear();
  numbers.reserve(count);
  fetchPages(pool, numbers.data(), count * int64_t(sizeof(T)));
  numbers.resize(count);
}

} // namespace qopt

#endif // QOPT_LIB_NUMERICS_SCRATCH_H
