//===- CpuModel.cpp - a compiled model and one sequence -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CpuModel.h"
#include "Attention.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>

using namespace qopt::runtime;

/// Tokens of one run: enough to use every decoded weight many times, few enough
/// for the activations to stay in the cache.
static constexpr int64_t rowsPerCall = 512;

void CpuModel::Free::operator()(float *memory) const { std::free(memory); }

std::unique_ptr<CpuModel> CpuModel::open(QoptRtForward forward,
                                         std::string_view description,
                                         const FindWeight &findWeight,
                                         const Options &options,
                                         std::string &error) {
  const int64_t threads =
      options.threads > 0 ? options.threads : availableProcessors();
  if (options.threads < 0 || threads > 1024 || options.context < 0) {
    error = "threads must lie between 0 and 1024, and the context not below 0";
    return nullptr;
  }
  std::unique_ptr<CpuModel> model(new CpuModel(threads, forward));
  QoptRtState &state = model->state;
  if (!Description::parse(description, state.description, error))
    return nullptr;

  const Description &known = state.description;
  int64_t usual =
      known.context > 0 ? std::min<int64_t>(known.context, 4096) : 4096;
  model->capacity = options.context > 0 ? options.context : usual;
  if (known.context > 0 && model->capacity > known.context) {
    error = "a context of " + std::to_string(model->capacity) +
            " tokens is more than that of the model, " +
            std::to_string(known.context);
    return nullptr;
  }
  for (const WeightPlace &weight : known.weights) {
    std::string_view bytes = findWeight(weight.tensor);
    if (!bytes.data() || int64_t(bytes.size()) != weight.bytes) {
      error = "the weights have no tensor '" + weight.tensor + "' of " +
              std::to_string(weight.bytes) +
              " bytes; are they those of this model?";
      return nullptr;
    }
    model->weights.push_back(bytes.data());
  }
  state.caches.resize(known.caches.size());
  int64_t mostScratch = 0;
  for (size_t i = 0; i < known.caches.size(); ++i) {
    if (!state.caches[i].allocate(known.caches[i], options.cache,
                                  model->capacity)) {
      error = "no memory for a context of " + std::to_string(model->capacity) +
              " tokens";
      return nullptr;
    }
    mostScratch =
        std::max(mostScratch, attentionScratch(known.caches[i].headDim));
  }
  state.counters.reset(new QoptRtState::Counter[known.linears]);
  state.pieces.reset(new QoptRtState::Pieces[known.linears * threads]);
  state.scratch.assign(threads, std::vector<float>(mostScratch));
  state.angles.resize(known.ropes.size());
  state.stepTimes.assign(known.steps.size(), 0);
  return model;
}

int64_t CpuModel::cacheBytes() const {
  int64_t sum = 0;
  for (const KvCache &cache : state.caches)
    sum += cache.bytes();
  return sum;
}

int64_t CpuModel::weightBytes() const {
  int64_t sum = 0;
  for (const WeightPlace &weight : state.description.weights)
    sum += weight.bytes;
  return sum;
}

std::vector<double> CpuModel::stepSeconds() const {
  std::vector<double> seconds;
  seconds.reserve(state.stepTimes.size());
  for (int64_t nanoseconds : state.stepTimes)
    seconds.push_back(double(nanoseconds) * 1e-9);
  return seconds;
}

bool CpuModel::append(std::span<const int32_t> tokens, std::span<float> logits,
                      std::string &error) {
  const int64_t count = tokens.size(), vocabulary = description().vocabulary;
  for (int32_t token : tokens)
    if (token < 0 || token >= vocabulary) {
      error = "token " + std::to_string(token) + " is outside of the " +
              std::to_string(vocabulary) + " tokens of the model";
      return false;
    }
  if (state.past + count > capacity) {
    error = std::to_string(state.past + count) +
            " tokens are more than the context of " + std::to_string(capacity);
    return false;
  }
  const int64_t before = state.past;
  const int64_t skipped = count - int64_t(logits.size()) / vocabulary;
  for (int64_t first = 0; first < count; first += rowsPerCall) {
    const int64_t end = std::min(count, first + rowsPerCall);
    // The last call always has logits; without any in a call, one row would be
    // computed for nothing, so it gets none.
    const int64_t from = std::max(first, skipped);
    std::span<float> part;
    if (from < end)
      part = logits.subspan((from - skipped) * vocabulary,
                            (end - from) * vocabulary);
    if (!runCall(tokens.subspan(first, end - first), part)) {
      state.past = before;
      error = "no memory for the activations";
      return false;
    }
  }
  return true;
}

/// cos and sin of what every row turns, evaluated as the reference does.
static void fillAngles(const RopeTable &rope, int64_t past, int64_t rows,
                       RopeAngles &angles) {
  const bool isLong =
      !rope.longFrequencies.empty() && past + rows - 1 >= rope.originalContext;
  const std::vector<float> &frequencies =
      isLong ? rope.longFrequencies : rope.frequencies;
  const int64_t pairs = frequencies.size();
  angles.cosine.resize(rows * pairs);
  angles.sine.resize(rows * pairs);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < pairs; ++i) {
      const double angle = float(past + row) * frequencies[i];
      angles.cosine[row * pairs + i] = float(rope.magnitude * std::cos(angle));
      angles.sine[row * pairs + i] = float(rope.magnitude * std::sin(angle));
    }
}

bool CpuModel::runCall(std::span<const int32_t> tokens,
                       std::span<float> logits) {
  const Description &known = description();
  const int64_t rows = tokens.size();
  const int64_t floats = std::max<int64_t>(known.arenaColumns * rows, 1);
  if (floats > arenaFloats) {
    void *memory = nullptr;
    if (posix_memalign(&memory, 64, floats * sizeof(float)) != 0)
      return false;
    arena.reset(static_cast<float *>(memory));
    arenaFloats = floats;
  }
  for (size_t i = 0; i < known.ropes.size(); ++i)
    fillAngles(known.ropes[i], state.past, rows, state.angles[i]);
  for (int64_t i = 0; i < known.linears; ++i)
    state.counters[i].next.store(0, std::memory_order_relaxed);
  ++state.run;
  state.tokens = tokens.data();
  if (!state.stepTimes.empty())
    state.lastMark =
        std::chrono::steady_clock::now().time_since_epoch().count();

  struct Work {
    QoptRtForward forward;
    QoptRtCall call;
  } work = {forward,
            {weights.data(), arena.get(), logits.data(), rows,
             int64_t(logits.size()) / known.vocabulary, threads(), &state}};
  state.team.run(
      [](void *argument, int64_t thread) {
        const Work &work = *static_cast<const Work *>(argument);
        work.forward(&work.call, thread);
      },
      &work);
  state.past += rows;
  return true;
}
