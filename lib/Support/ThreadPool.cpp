//===- ThreadPool.cpp - deterministic data parallelism --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Support/ThreadPool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <sched.h>
#include <thread>
#include <vector>

using namespace qopt;

namespace {
thread_local bool insideTask = false;

unsigned processorsOfThisProcess() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}
} // namespace

struct ThreadPool::State {
  std::vector<std::thread> workers;
  std::mutex mutex;
  std::condition_variable wake, done;
  const std::function<void(int64_t)> *task = nullptr;
  int64_t count = 0;
  std::atomic<int64_t> next = 0;
  uint64_t generation = 0;
  unsigned busy = 0;
  bool stop = false;
  std::mutex callers; // one parallelFor at a time

  void drain() {
    insideTask = true;
    for (int64_t i; (i = next.fetch_add(1)) < count;)
      (*task)(i);
    insideTask = false;
  }

  void work() {
    uint64_t seen = 0;
    for (;;) {
      std::unique_lock lock(mutex);
      wake.wait(lock, [&] { return stop || generation != seen; });
      if (stop)
        return;
      seen = generation;
      lock.unlock();
      drain();
      lock.lock();
      if (--busy == 0)
        done.notify_one();
    }
  }
};

ThreadPool::ThreadPool(unsigned threads) : state(std::make_unique<State>()) {
  if (threads == 0)
    threads = processorsOfThisProcess();
  for (unsigned i = 1; i < threads; ++i)
    state->workers.emplace_back([this] { state->work(); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(state->mutex);
    state->stop = true;
  }
  state->wake.notify_all();
  for (std::thread &worker : state->workers)
    worker.join();
}

unsigned ThreadPool::threads() const { return state->workers.size() + 1; }

void ThreadPool::parallelFor(int64_t count,
                             const std::function<void(int64_t)> &task) {
  if (insideTask || state->workers.empty() || count <= 1) {
    for (int64_t i = 0; i < count; ++i)
      task(i);
    return;
  }
  std::lock_guard caller(state->callers);
  {
    std::lock_guard lock(state->mutex);
    state->task = &task;
    state->count = count;
    state->next = 0;
    state->busy = state->workers.size();
    ++state->generation;
  }
  state->wake.notify_all();
  state->drain();
  std::unique_lock lock(state->mutex);
  state->done.wait(lock, [&] { return state->busy == 0; });
}
