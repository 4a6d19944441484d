//===- Streams.cpp - a kernel in two streams at once ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Streams.h"

#include <algorithm>

namespace {
/// A stream with its x and what it computes.
struct Lane {
  Lane() {
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking),
          "creating a stream");
  }
  Lane(const Lane &) = delete;
  ~Lane() { cudaStreamDestroy(stream); }

  cudaStream_t stream = nullptr;
  Buffer x, alone, together; // y once, and y of each launch
};

/// An event that both streams wait for, so that they begin together.
class Gate {
public:
  explicit Gate(cudaStream_t stream) {
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming),
          "creating an event");
    check(cudaEventRecord(event, stream), "recording an event");
  }
  Gate(const Gate &) = delete;
  ~Gate() { cudaEventDestroy(event); }
  void hold(cudaStream_t stream) const {
    check(cudaStreamWaitEvent(stream, event, 0), "waiting for an event");
  }

private:
  cudaEvent_t event = nullptr;
};
} // namespace

unsigned long long
countDifferentInTwoStreams(QoptCudaModule &module, const std::string &entry,
                           const WeightFormat &format, const Buffer &weight,
                           Activation type, int64_t m, cudaStream_t stream) {
  constexpr int64_t mostLaunches = 8, room = int64_t(64) << 20;
  int64_t inputs = m * format.k, outputs = m * format.n;
  int64_t launches = std::clamp<int64_t>(room / (2 * outputs), 1, mostLaunches);
  auto run = [&](const Lane &lane, const Buffer &y, int64_t index) {
    launch(callOf(module, entry, lane.x.get(), componentsOf(format, weight),
                  y.get(2 * outputs * index), m),
           lane.stream);
  };
  Lane lanes[2];
  for (Lane &lane : lanes) {
    lane.x = Buffer(2 * inputs);
    lane.alone = Buffer(2 * outputs);
    lane.together = Buffer(2 * outputs * launches);
    fillActivations(lane.x.get(), inputs, type,
                    uint32_t(2 * m + (&lane - lanes)), lane.stream);
    check(cudaMemsetAsync(lane.together.get(), 0xff, lane.together.size(),
                          lane.stream),
          "clearing");
    run(lane, lane.alone, 0);
    finish(lane.stream, "running the kernel");
  }

  // Work for as long as it takes to prepare the launches.
  constexpr int reads = 20;
  for (int i = 0; i < reads; ++i)
    readAll(weight.get(), weight.size() / 16 * 16, stream);
  Gate gate(stream);
  for (const Lane &lane : lanes)
    gate.hold(lane.stream);
  for (int64_t i = 0; i < launches; ++i)
    for (const Lane &lane : lanes)
      run(lane, lane.together, i);
  for (const Lane &lane : lanes)
    finish(lane.stream, "running the kernel in two streams");

  Buffer counter(sizeof(unsigned long long));
  auto *counted = counter.get<unsigned long long>();
  check(cudaMemsetAsync(counted, 0, sizeof(*counted), stream), "clearing");
  for (const Lane &lane : lanes)
    for (int64_t i = 0; i < launches; ++i)
      countDifferent(lane.alone.get(), lane.together.get(2 * outputs * i),
                     outputs, counted, stream);
  unsigned long long result = 0;
  finish(stream, "comparing");
  check(cudaMemcpy(&result, counted, sizeof(result), cudaMemcpyDeviceToHost),
        "comparing");
  return result;
}
