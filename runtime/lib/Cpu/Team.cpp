//===- Team.cpp - threads that execute one function together -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Team.h"

#include <algorithm>
#include <sched.h>

using namespace qopt::runtime;

int64_t qopt::runtime::availableProcessors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

static void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Returns once `value` is not `old`. A pause takes up to 140 cycles: the loop
/// lasts some hundred microseconds, longer than any step of a team that runs
/// undisturbed is out of balance, and than a caller needs to sample a token.
static void awaitChange(std::atomic<uint32_t> &value, uint32_t old) {
  for (int i = 0; i < 8192; ++i) {
    if (value.load(std::memory_order_acquire) != old)
      return;
    relax();
  }
  while (value.load(std::memory_order_acquire) == old)
    value.wait(old, std::memory_order_acquire);
}

Team::Team(int64_t threads) {
  for (int64_t thread = 1; thread < threads; ++thread)
    others.emplace_back([this, thread] { work(thread); });
}

Team::~Team() {
  current = nullptr;
  runs.fetch_add(1, std::memory_order_release);
  runs.notify_all();
  for (std::thread &thread : others)
    thread.join();
}

void Team::work(int64_t thread) {
  for (uint32_t seen = 0;; ++seen) {
    awaitChange(runs, seen);
    if (!current)
      return;
    current(currentArgument, thread);
    barrier();
  }
}

void Team::run(Function function, void *argument) {
  if (!others.empty()) {
    current = function;
    currentArgument = argument;
    runs.fetch_add(1, std::memory_order_release);
    runs.notify_all();
  }
  function(argument, 0);
  barrier();
}

void Team::barrier(const char *next, int64_t bytes) {
  if (others.empty())
    return;
  const uint32_t round = passed.load(std::memory_order_relaxed);
  if (arrived.fetch_add(1, std::memory_order_acq_rel) == others.size()) {
    arrived.store(0, std::memory_order_relaxed);
    passed.store(round + 1, std::memory_order_release);
    passed.notify_all();
    return;
  }
  for (int64_t at = 0; at < bytes; at += 64) {
    if (at % 256 == 0 && passed.load(std::memory_order_acquire) != round)
      return;
    __builtin_prefetch(next + at, /*rw=*/0, /*locality=*/2);
  }
  awaitChange(passed, round);
}
