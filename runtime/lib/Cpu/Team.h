//===- Team.h - threads that execute one function together -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A token of a small model takes a few milliseconds and a hundred steps, so a
// step must not cost a system call. Threads that wait look for some
// microseconds whether they may go on, and only then go to sleep.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_RUNTIME_CPU_TEAM_H
#define QOPT_RUNTIME_CPU_TEAM_H

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace qopt::runtime {

/// Processors that this process may use, at least 1.
int64_t availableProcessors();

class Team {
public:
  using Function = void (*)(void *argument, int64_t thread);

  /// `threads` counts the caller of run; at least 1.
  explicit Team(int64_t threads);
  ~Team();
  Team(const Team &) = delete;

  int64_t threads() const { return int64_t(others.size()) + 1; }

  /// Calls function(argument, t) once on every thread t, and returns when all
  /// have returned. Not from inside of such a function.
  void run(Function function, void *argument);

  /// To be called by all threads of a run: returns when all have called it.
  /// What was written before it is seen after it.
  void barrier() { barrier(nullptr, 0); }
  /// The same; a thread that waits brings bytes from `next` on into its cache.
  void barrier(const char *next, int64_t bytes);

private:
  void work(int64_t thread);

  // Each on a line of its own: waiting threads read it, others write beside.
  alignas(64) std::atomic<uint32_t> runs = 0;
  alignas(64) std::atomic<uint32_t> arrived = 0;
  alignas(64) std::atomic<uint32_t> passed = 0;
  alignas(64) Function current = nullptr;
  void *currentArgument = nullptr;
  std::vector<std::thread> others;
};

} // namespace qopt::runtime

#endif // QOPT_RUNTIME_CPU_TEAM_H
