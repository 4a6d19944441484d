//===- Session.cpp - all measurements of one model ------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Bench/Session.h"

#include "qopt/Numerics/Random.h"

#include <chrono>

using namespace qopt;

static std::vector<int32_t> randomTokens(int64_t count, int64_t vocabulary) {
  Random random(3);
  std::vector<int32_t> tokens(count);
  for (int32_t &token : tokens)
    token = int32_t(random.next() % uint64_t(vocabulary));
  return tokens;
}

Status BenchSession::append(std::span<const int32_t> tokens) {
  return subject.language->append(tokens).map([](auto &&) {});
}

Status BenchSession::stopped() const {
  if (!interrupted())
    return {};
  return makeError(ErrorKind::Interrupted, "stopped; ",
                   report.speeds.empty()
                       ? "nothing was measured"
                       : "what is missing above was not measured");
}

double BenchSession::timed(const std::function<Status()> &work) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  if (Status outcome = work(); !outcome)
    failure = outcome;
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Result<std::vector<double>>
BenchSession::profile(const std::function<Status()> &prepare,
                      const std::function<Status()> &work) {
  subject.language->restart();
  QOPT_CHECK(prepare());
  subject.jit->setProfiling(true);
  Status outcome = work();
  subject.jit->setProfiling(false);
  QOPT_CHECK(std::move(outcome));
  return subject.jit->running().stepSeconds();
}

Status BenchSession::measure(const std::string &name, int64_t tokens,
                             const std::function<Status()> &prepare,
                             const std::function<Status()> &work) {
  Speed speed;
  speed.name = name;
  auto samples = sampler.collect(int(options.samples), options.seconds, [&] {
    subject.language->restart();
    if (Status outcome = prepare(); !outcome)
      failure = outcome;
    return double(tokens) / timed(work);
  });
  QOPT_CHECK(std::move(failure));
  QOPT_CHECK(stopped());
  speed.tokensPerSecond = samples.median();
  speed.kept = samples.quiet ? int(samples.kept.size()) : 0;
  speed.taken = samples.taken;
  speed.quiet = samples.quiet;
  if (subject.jit) {
    QOPT_ASSIGN(std::vector<double> seconds, profile(prepare, work));
    if (name == "decode")
      for (double &each : seconds)
        each /= double(tokens);
    speed.kernels = report.work.kernelTimes(seconds);
  }
  report.speeds.push_back(std::move(speed));
  report.peakFlops = sampler.peak();
  return {};
}

Status BenchSession::run() {
  const int64_t vocabulary = subject.language->vocabularySize();
  const std::vector<int32_t> tokens = randomTokens(1 << 13, vocabulary);
  auto firstTokens = [&](int64_t count) {
    return std::span(tokens).first(count);
  };
  // Reading the weights once also brings all pages of files into memory.
  readBandwidth(pool, subject.weights);
  auto bandwidth =
      sampler.collect(int(2 * options.samples), options.seconds,
                      [&] { return readBandwidth(pool, subject.weights); });
  QOPT_CHECK(stopped());
  report.bandwidth = bandwidth.median();
  report.peakByteOps = peakByteOps(pool);
  QOPT_CHECK(measure(
      "decode", options.generate, [&] { return append(firstTokens(8)); },
      [&]() -> Status {
        for (int64_t i = 0; i < options.generate; ++i)
          QOPT_CHECK(append(std::span(tokens).subspan(8 + i, 1)));
        return {};
      }));
  auto again = sampler.collect(int(2 * options.samples), options.seconds, [&] {
    return readBandwidth(pool, subject.weights);
  });
  report.bandwidth = std::max(report.bandwidth, again.median());
  for (int64_t count : options.prompts)
    QOPT_CHECK(measure(
        "prefill " + std::to_string(count), count,
        []() -> Status { return {}; },
        [&] { return append(firstTokens(count)); }));
  subject.language->restart();
  return {};
}
