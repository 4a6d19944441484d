//===- Measure.h - speeds that noise has not touched ------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_MEASURE_H
#define QOPT_TOOLS_MEASURE_H

#include "qopt/Numerics/MachineSpeed.h"

#include <functional>
#include <vector>

namespace qopt {

/// Measures while nobody else uses the processors. On a machine that is shared,
/// or virtual, a processor vanishes for seconds at a time; so before and after
/// each sample a loop that only depends on the processors runs for a few
/// milliseconds, and the sample counts only if both times it had nearly its
/// best speed.
class QuietSampler {
public:
  explicit QuietSampler(ThreadPool &pool);

  struct Samples {
    std::vector<double> kept; // all, if none was quiet
    int taken = 0;
    bool quiet = true;
    double median() const;
  };
  /// Calls `sample` until `wanted` samples are kept, at most three times as
  /// often and not beyond `seconds`.
  Samples collect(int wanted, double seconds,
                  const std::function<double()> &sample);

  /// The best speed of the loop so far, flop/s.
  double peak() const { return best; }

private:
  double probe();
  ThreadPool &pool;
  double best = 0;
};

} // namespace qopt

#endif // QOPT_TOOLS_MEASURE_H
