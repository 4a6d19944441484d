//===- Measure.cpp - speeds that noise has not touched --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Bench/Measure.h"

#include "qopt/Support/Progress.h"

#include <algorithm>
#include <chrono>

using namespace qopt;

/// Of the best speed: below it somebody else was there.
static constexpr double nearlyBest = 0.92;

QuietSampler::QuietSampler(ThreadPool &pool) : pool(pool) {
  for (int i = 0; i < 20; ++i)
    probe();
}

double QuietSampler::probe() {
  const double speed = peakFlops(pool, /*runs=*/1);
  best = std::max(best, speed);
  return speed;
}

double QuietSampler::Samples::median() const {
  std::vector<double> sorted = kept;
  std::sort(sorted.begin(), sorted.end());
  return sorted.empty() ? 0 : sorted[sorted.size() / 2];
}

QuietSampler::Samples
QuietSampler::collect(int wanted, double seconds,
                      const std::function<double()> &sample) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  Samples result;
  std::vector<double> all;
  double before = probe();
  while (int(result.kept.size()) < wanted && result.taken < 3 * wanted &&
         !interrupted()) {
    all.push_back(sample());
    ++result.taken;
    const double after = probe();
    if (std::min(before, after) >= nearlyBest * best)
      result.kept.push_back(all.back());
    before = after;
    if (std::chrono::duration<double>(Clock::now() - start).count() > seconds &&
        result.taken >= 2)
      break;
  }
  result.quiet = !result.kept.empty();
  if (!result.quiet)
    result.kept = std::move(all);
  return result;
}
