//===- Session.h - all measurements of one model ----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_BENCH_SESSION_H
#define QOPT_TOOLS_BENCH_SESSION_H

#include "Bench/Measure.h"
#include "Bench/Report.h"
#include "Bench/Subject.h"

namespace qopt {

/// Takes all measurements of one subject: reading its weights, decoding, and
/// prompts.
class BenchSession {
public:
  /// Results go to `report`, whose `work` is filled in. All must outlive the
  /// session.
  BenchSession(const BenchOptions &options, BenchSubject &subject,
               BenchReport &report, ThreadPool &pool)
      : options(options), subject(subject), report(report), pool(pool),
        sampler(pool) {}

  /// Interrupted if the user stops it; the report holds what was measured
  /// before.
  Status run();

private:
  Status append(std::span<const int32_t> tokens);
  Status stopped() const;
  /// Seconds of `work`; if that fails, `failure` says so.
  double timed(const std::function<Status()> &work);
  /// Adds a line to the report: how fast `work` handles `tokens` tokens, each
  /// time after `prepare` on an empty cache.
  Status measure(const std::string &name, int64_t tokens,
                 const std::function<Status()> &prepare,
                 const std::function<Status()> &work);
  /// One more run of `work`, step by step.
  Result<std::vector<double>> profile(const std::function<Status()> &prepare,
                                      const std::function<Status()> &work);

  const BenchOptions &options;
  BenchSubject &subject;
  BenchReport &report;
  ThreadPool &pool;
  QuietSampler sampler;
  Status failure;
};

} // namespace qopt

#endif // QOPT_TOOLS_BENCH_SESSION_H
