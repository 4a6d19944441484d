//===- TaskQueue.cpp - a thread for what goes on beside the rest ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Support/TaskQueue.h"
#include "qopt/Support/Stopwatch.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

using namespace qopt;

struct TaskQueue::State {
  const size_t capacity;
  std::deque<std::function<Status()>> tasks; // the first one may be running
  uint64_t given = 0, done = 0;
  Status status;
  Stopwatch busy;
  bool stop = false;
  mutable std::mutex mutex;
  std::condition_variable wake, progress;
  std::thread thread; // the last member: it uses the others

  explicit State(size_t capacity)
      : capacity(capacity), thread([this] { work(); }) {}

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [&] { return stop || !tasks.empty(); });
      if (stop)
        return;
      std::function<Status()> &task = tasks.front(); // a deque moves nothing
      Stopwatch watch;
      lock.unlock();
      Status outcome = watch.measure(task);
      lock.lock();
      busy += watch;
      tasks.pop_front();
      ++done;
      if (!outcome) {
        status = std::move(outcome);
        done = given; // the others are never begun
        tasks.clear();
      }
      progress.notify_all();
    }
  }
};

TaskQueue::TaskQueue(size_t capacity)
    : state(std::make_unique<State>(capacity)) {}

TaskQueue::~TaskQueue() {
  {
    std::lock_guard lock(state->mutex);
    state->stop = true;
  }
  state->wake.notify_all();
  state->thread.join();
}

Status TaskQueue::push(std::function<Status()> task) {
  std::unique_lock lock(state->mutex);
  state->progress.wait(lock,
                       [&] { return state->tasks.size() < state->capacity; });
  if (!state->status)
    return state->status;
  state->tasks.push_back(std::move(task));
  ++state->given;
  state->wake.notify_all();
  return {};
}

Status TaskQueue::wait(uint64_t count) {
  std::unique_lock lock(state->mutex);
  uint64_t wanted = std::min(count, state->given);
  state->progress.wait(lock, [&] { return state->done >= wanted; });
  return state->status;
}

double TaskQueue::busySeconds() const {
  std::lock_guard lock(state->mutex);
  return state->busy.seconds();
}
