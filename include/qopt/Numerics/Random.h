//===- Random.h - random numbers, the same everywhere -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_RANDOM_H
#define QOPT_NUMERICS_RANDOM_H

#include <cstdint>

namespace qopt {

/// SplitMix64 (Steele, Lea, Flood 2014): 64 bits per step, any seed. Defined
/// here, unlike the distributions of <random>, so that a seed means the same
/// on every platform.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}

  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, 1), a multiple of 2⁻⁵³.
  double uniform() { return double(next() >> 11) * 0x1p-53; }

private:
  uint64_t state;
};

} // namespace qopt

#endif // QOPT_NUMERICS_RANDOM_H
