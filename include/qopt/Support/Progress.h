//===- Progress.h - progress with an ETA, and interruption ------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_SUPPORT_PROGRESS_H
#define QOPT_SUPPORT_PROGRESS_H

#include <cstdint>
#include <string>
#include <string_view>

namespace qopt {

/// Where long work says how far it is. The base class says nothing, so that
/// libraries can always be handed one.
class Progress {
public:
  virtual ~Progress() = default;
  /// Starts a phase of `total` steps ("quantizing blocks", 32).
  virtual void begin(std::string_view phase, int64_t total) {}
  /// `steps` more steps of the phase are done.
  virtual void advance(int64_t steps = 1) {}
  /// The phase is over.
  virtual void end() {}
  /// One line for the user, whatever the phase.
  virtual void note(std::string_view message) {}
  /// Whether the work should end, which it asks between steps. Asked from any
  /// thread.
  virtual bool stopped() const;
};

/// Writes to stderr: one line redrawn in place on a terminal; elsewhere one
/// line at the start and one at the end of a phase, with the seconds it took.
class StderrProgress : public Progress {
public:
  explicit StderrProgress(bool quiet = false);
  void begin(std::string_view phase, int64_t total) override;
  void advance(int64_t steps) override;
  void end() override;
  void note(std::string_view message) override;

private:
  void draw();
  bool terminal, quiet;
  std::string phase;
  int64_t total = 0, done = 0;
  double started = 0, drawn = 0;
};

/// From now on the first SIGINT or SIGTERM only sets a flag, which long work
/// polls through Progress::stopped() or interrupted() between steps; the second
/// ends the process.
void catchInterrupts();
bool interrupted();

} // namespace qopt

#endif // QOPT_SUPPORT_PROGRESS_H
