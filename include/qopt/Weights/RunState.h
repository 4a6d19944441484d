//===- RunState.h - what a long run keeps to go on from ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A directory that outlives the process:
//
//     run.json              what the run was started with
//     <step>.safetensors    the results of a finished step, with their hash
//
// A step is finished when its file has been renamed into place, so a run that
// is killed at any moment loses only the step that it was in.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_WEIGHTS_RUNSTATE_H
#define QOPT_WEIGHTS_RUNSTATE_H

#include "qopt/IO/Safetensors.h"

#include <map>
#include <optional>

namespace qopt {

/// The results of one step.
struct RunStep {
  std::map<std::string, std::vector<uint8_t>> tensors;
  std::map<std::string, std::string> notes;
};

/// Not thread-safe: steps follow one another.
class RunState {
public:
  enum class Mode : uint8_t {
    Start,   // finished steps that are there already are a usage error
    Resume,  // go on with them, if they belong to this run; else bad input
    Discard, // remove them
  };
  /// Everything that the results depend on, as (what it is, its hash or text):
  /// ("model", "9f86d081884c7d65"). Names are for people.
  using Fingerprint = StringPairs;

  /// Opens or makes the directory, and locks it: an IO error if another process
  /// has it.
  static Result<std::unique_ptr<RunState>>
  open(const std::string &directory, const Fingerprint &fingerprint, Mode mode);
  ~RunState();
  RunState(const RunState &) = delete;
  RunState &operator=(const RunState &) = delete;

  /// The results of a step that is finished already; nothing if it is not.
  Result<std::optional<RunStep>> find(const std::string &step);
  /// Keeps the results of a step. It is on disk when this returns.
  Status commit(const std::string &step, const RunStep &results);

  /// Steps that find() has given back, and all that are finished.
  int64_t resumed() const { return resumedSteps; }
  int64_t finished() const { return finishedSteps; }
  /// The run has reached its end: nothing of the directory stays.
  void remove();

private:
  RunState(std::string directory) : directory(std::move(directory)) {}
  Status lock();
  Status begin(const Fingerprint &fingerprint, Mode mode);
  Status check(const Fingerprint &fingerprint) const;
  std::string fileOf(const std::string &step) const;
  void clear() const;

  std::string directory;
  int descriptor = -1; // of the directory, locked
  int64_t resumedSteps = 0, finishedSteps = 0;
};

} // namespace qopt

#endif // QOPT_WEIGHTS_RUNSTATE_H
