//===- TaskQueue.h - a thread for what goes on beside the rest --*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_SUPPORT_TASKQUEUE_H
#define QOPT_SUPPORT_TASKQUEUE_H

#include "qopt/Support/Error.h"

#include <cstdint>
#include <functional>
#include <memory>

namespace qopt {

/// One thread that does tasks in the order in which they are given: reading
/// ahead of a computation, or writing behind it. Behind a task that fails no
/// other is begun. Used by one thread.
class TaskQueue {
public:
  /// At most so many tasks wait or run; push() waits for room.
  explicit TaskQueue(size_t capacity);
  /// Waits for the task that runs and drops the others.
  ~TaskQueue();
  TaskQueue(const TaskQueue &) = delete;
  TaskQueue &operator=(const TaskQueue &) = delete;

  /// The error of an earlier task, if there is one; then nothing is added.
  Status push(std::function<Status()> task);
  /// Waits until `count` tasks in all, or all that were given, are done;
  /// returns the first error.
  Status wait(uint64_t count = UINT64_MAX);
  /// What the thread has spent in tasks so far. Exact behind wait().
  double busySeconds() const;

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace qopt

#endif // QOPT_SUPPORT_TASKQUEUE_H
