//===- Timing.cpp - how long a launch takes -------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Timing.h"
#include "Kernels.h"

#include <algorithm>
#include <chrono>
#include <vector>

static constexpr double budget = 40000; // µs of launches for each figure

namespace {
class Event {
public:
  Event() { check(cudaEventCreate(&event), "creating an event"); }
  Event(const Event &) = delete;
  ~Event() { cudaEventDestroy(event); }
  void record(cudaStream_t stream) {
    check(cudaEventRecord(event, stream), "recording an event");
  }
  double microsecondsSince(const Event &begin) const {
    float milliseconds = 0;
    check(cudaEventSynchronize(event), "running the kernel");
    check(cudaEventElapsedTime(&milliseconds, begin.event, event),
          "reading the time");
    return 1000.0 * milliseconds;
  }

private:
  cudaEvent_t event = nullptr;
};
} // namespace

static double medianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t half = values.size() / 2;
  return values.size() % 2 ? values[half]
                           : (values[half - 1] + values[half]) / 2;
}

Timer::Timer(int64_t l2Bytes) : l2Bytes(l2Bytes), flush(4 * l2Bytes) {
  check(cudaStreamCreateWithFlags(&queue, cudaStreamNonBlocking),
        "creating a stream");
  check(cudaMemset(flush.get(), 0, flush.size()), "clearing");
}

Timer::~Timer() { cudaStreamDestroy(queue); }

int Timer::copiesFor(int64_t bytes) const {
  return int(std::clamp<int64_t>(4 * l2Bytes / bytes + 2, 2, 200));
}

double Timer::between(const std::function<void()> &body) {
  Event begin, end;
  begin.record(queue);
  body();
  end.record(queue);
  return end.microsecondsSince(begin);
}

/// Work for long enough that clocks have risen: the first figures of a shape
/// would otherwise be those of a GPU that was idle while weights were made.
void Timer::warmUp() {
  using Clock = std::chrono::steady_clock;
  Clock::time_point end = Clock::now() + std::chrono::milliseconds(20);
  while (Clock::now() < end) {
    readAll(flush.get(), flush.size(), queue);
    finish(queue, "warming up");
  }
}

Timing Timer::measure(int copies, const std::function<void(int)> &launch) {
  Timing result;
  launch(0); // loads code
  finish(queue, "running the kernel");
  warmUp();
  double once = std::max(between([&] { launch(1 % copies); }), 1.0);

  // Reading leaves L2 full of clean lines; writing would charge the kernel for
  // writing them back. The reads also keep the GPU busy while the launches are
  // prepared, so that the events enclose nothing but the kernel.
  int count = int(std::clamp(budget / (once + 100), 5.0, 60.0));
  std::vector<Event> begins(count), ends(count);
  for (int i = 0; i < count; ++i) {
    readAll(flush.get(), flush.size(), queue);
    begins[i].record(queue);
    launch(i % copies);
    ends[i].record(queue);
  }
  std::vector<double> times;
  for (int i = 0; i < count; ++i)
    times.push_back(ends[i].microsecondsSince(begins[i]));
  result.single = medianOf(times);

  int launches = int(std::clamp(2000 / once, 1.0, 200.0));
  launches = (launches + copies - 1) / copies * copies;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  check(cudaStreamBeginCapture(queue, cudaStreamCaptureModeThreadLocal),
        "recording a graph");
  for (int i = 0; i < launches; ++i)
    launch(i % copies);
  check(cudaStreamEndCapture(queue, &graph), "recording a graph");
  check(cudaGraphInstantiate(&executable, graph, 0), "making a graph");
  auto replay = [&] {
    check(cudaGraphLaunch(executable, queue), "replaying a graph");
  };
  replay();
  finish(queue, "replaying a graph");
  int replays = int(std::clamp(budget / (once * launches), 3.0, 20.0));
  std::vector<double> sequences;
  for (int i = 0; i < replays; ++i) {
    // Busy while the replay is prepared, which takes longer than one flush.
    for (int j = 0; j < 3; ++j)
      readAll(flush.get(), flush.size(), queue);
    sequences.push_back(between(replay) / launches);
  }
  result.sequence = medianOf(sequences);
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  return result;
}

double Timer::copyBandwidth() {
  int64_t bytes = int64_t(1) << 30;
  Buffer from(bytes), to(bytes);
  check(cudaMemset(from.get(), 1, bytes), "clearing");
  std::vector<double> rates;
  for (int i = 0; i < 9; ++i)
    rates.push_back(2e-3 * bytes / between([&] {
                      check(cudaMemcpyAsync(to.get(), from.get(), bytes,
                                            cudaMemcpyDeviceToDevice, queue),
                            "copying");
                    }));
  return medianOf(rates);
}

double Timer::readBandwidth() {
  int64_t bytes = int64_t(1) << 30;
  Buffer from(bytes);
  check(cudaMemset(from.get(), 1, bytes), "clearing");
  std::vector<double> rates;
  for (int i = 0; i < 9; ++i)
    rates.push_back(1e-3 * bytes /
                    between([&] { readAll(from.get(), bytes, queue); }));
  return medianOf(rates);
}
