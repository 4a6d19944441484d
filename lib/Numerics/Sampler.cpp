//===- Sampler.cpp - choosing the next token ------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Sampler.h"
#include "qopt/Numerics/ErrorMetrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

using namespace qopt;

int32_t Sampler::sample(std::span<const float> logits) {
  return sampleToken(logits, options.temperature, options.topP, random);
}

int32_t qopt::sampleToken(std::span<const float> logits, double temperature,
                          double topP, Random &random) {
  const int64_t best = argmax(logits);
  if (temperature <= 0)
    return int32_t(best);
  std::vector<double> mass(logits.size());
  for (size_t i = 0; i < logits.size(); ++i)
    mass[i] = std::exp((double(logits[i]) - logits[best]) / temperature);
  std::vector<int32_t> kept(logits.size());
  std::iota(kept.begin(), kept.end(), 0);
  double total = std::accumulate(mass.begin(), mass.end(), 0.);
  if (topP < 1) {
    std::sort(kept.begin(), kept.end(), [&](int32_t a, int32_t b) {
      return mass[a] != mass[b] ? mass[a] > mass[b] : a < b;
    });
    const double wanted = topP * total;
    double reached = 0;
    size_t count = 0;
    do
      reached += mass[kept[count++]];
    while (count < kept.size() && reached < wanted);
    kept.resize(count);
    total = reached;
  }
  // Inversion: the first token at which the running sum passes the draw.
  double left = random.uniform() * total;
  for (int32_t token : kept) {
    left -= mass[token];
    if (left < 0)
      return token;
  }
  return int32_t(best); // rounding left nothing to choose
}
