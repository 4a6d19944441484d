//===- Stopwatch.h - where the time of a long job goes ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_SUPPORT_STOPWATCH_H
#define QOPT_SUPPORT_STOPWATCH_H

#include <chrono>

namespace qopt {

/// Adds up the wall time of stretches of work, in seconds.
class Stopwatch {
public:
  double seconds() const { return total; }
  Stopwatch &operator+=(const Stopwatch &other) {
    total += other.total;
    return *this;
  }

  /// Calls `work`, counts the time that it takes, and returns its result.
  template <typename Work> auto measure(Work &&work) {
    struct Stretch {
      Stopwatch &watch;
      Clock::time_point start = Clock::now();
      ~Stretch() {
        watch.total +=
            std::chrono::duration<double>(Clock::now() - start).count();
      }
    } stretch{*this};
    return work();
  }

private:
  using Clock = std::chrono::steady_clock;
  double total = 0;
};

} // namespace qopt

#endif // QOPT_SUPPORT_STOPWATCH_H
