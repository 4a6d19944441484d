//===- ThreadPool.h - deterministic data parallelism ------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_SUPPORT_THREADPOOL_H
#define QOPT_SUPPORT_THREADPOOL_H

#include <cstdint>
#include <functional>
#include <memory>

namespace qopt {

/// Runs index ranges on a fixed set of threads. Work is cut by the caller into
/// tasks whose shape does not depend on the thread count and each task runs on
/// one thread, so results are bit-identical for any number of threads.
class ThreadPool {
public:
  /// `threads` counts the caller; 0 means one per processor of this process.
  explicit ThreadPool(unsigned threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  unsigned threads() const;

  /// Calls `task(i)` once for each i in [0, count), begun in rising order, so
  /// that one may wait for those before it; serially from inside of a task.
  void parallelFor(int64_t count, const std::function<void(int64_t)> &task);

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace qopt

#endif // QOPT_SUPPORT_THREADPOOL_H
