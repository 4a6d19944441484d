//===- CpuModel.h - a compiled model and one sequence -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_RUNTIME_CPU_CPUMODEL_H
#define QOPT_RUNTIME_CPU_CPUMODEL_H

#include "CompiledModel.h"
#include "Team.h"

#include <functional>
#include <memory>
#include <span>

namespace qopt::runtime {

/// How rows of past calls and of this one turn, [rows, pairs] each.
struct RopeAngles {
  std::vector<float> cosine, sine;
};

} // namespace qopt::runtime

/// What steps of a call share; QoptRtCall knows it by this name.
struct QoptRtState {
  explicit QoptRtState(int64_t threads) : team(threads) {}

  qopt::runtime::Description description;
  qopt::runtime::Team team;
  std::vector<qopt::runtime::KvCache> caches;
  const int32_t *tokens = nullptr; // of this call
  int64_t past = 0;                // tokens before this call
  std::vector<qopt::runtime::RopeAngles> angles;

  /// The next block of each linear that no thread has taken.
  struct alignas(64) Counter {
    std::atomic<int64_t> next = 0;
  };
  std::unique_ptr<Counter[]> counters;
  /// Of each linear and thread, how many pieces of what the thread owns are
  /// taken, below the number of the run in which they were, so that nobody has
  /// to set them back.
  struct alignas(64) Pieces {
    std::atomic<uint64_t> taken = 0;
  };
  std::unique_ptr<Pieces[]> pieces;
  uint32_t run = 0;
  /// Of each thread.
  std::vector<std::vector<float>> scratch;

  /// Nanoseconds of each step, and when the last one ended.
  std::vector<int64_t> stepTimes;
  int64_t lastMark = 0;
};

namespace qopt::runtime {

class CpuModel {
public:
  struct Options {
    int64_t threads = 0; // 0: one per processor of this process
    int64_t context = 0; // 0: that of the model, at most 4096
    CacheType cache = CacheType::F16;
  };
  /// Finds the bytes of a tensor; null data if there is none. They must outlive
  /// the model.
  using FindWeight = std::function<std::string_view(const std::string &tensor)>;

  /// Null with a sentence in `error`.
  static std::unique_ptr<CpuModel> open(QoptRtForward forward,
                                        std::string_view description,
                                        const FindWeight &findWeight,
                                        const Options &options,
                                        std::string &error);

  const Description &description() const { return state.description; }
  int64_t threads() const { return state.team.threads(); }
  int64_t context() const { return capacity; }
  int64_t length() const { return state.past; }
  int64_t cacheBytes() const;
  int64_t weightBytes() const;

  /// Appends tokens. `logits` takes those that follow the last
  /// logits.size() / vocabulary of them, at most all. False with a sentence in
  /// `error`, and then nothing was appended.
  bool append(std::span<const int32_t> tokens, std::span<float> logits,
              std::string &error);
  /// Forgets all but the first `length` tokens, at most as many as there are.
  void rewind(int64_t length) { state.past = length; }

  /// Runs another function from now on, which takes the same weights.
  void useForward(QoptRtForward other) { forward = other; }
  /// Seconds that each step of the description took so far.
  std::vector<double> stepSeconds() const;
  void clearStepSeconds() { state.stepTimes.assign(state.stepTimes.size(), 0); }

private:
  CpuModel(int64_t threads, QoptRtForward forward)
      : state(threads), forward(forward) {}
  /// At most rowsPerCall tokens.
  bool runCall(std::span<const int32_t> tokens, std::span<float> logits);

  QoptRtState state;
  QoptRtForward forward;
  int64_t capacity = 0;
  std::vector<const void *> weights;
  struct Free {
    void operator()(float *memory) const;
  };
  std::unique_ptr<float, Free> arena;
  int64_t arenaFloats = 0;
};

} // namespace qopt::runtime

#endif // QOPT_RUNTIME_CPU_CPUMODEL_H
