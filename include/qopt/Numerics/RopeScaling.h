//===- RopeScaling.h - frequencies of rotary embeddings ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_ROPESCALING_H
#define QOPT_NUMERICS_ROPESCALING_H

#include <cstdint>
#include <vector>

namespace qopt {

/// How the rotary frequencies of a checkpoint were stretched.
struct RopeScaling {
  enum class Kind : uint8_t {
    None,
    Linear,   // positions divided by `factor`
    Llama3,   // low frequencies divided by `factor`, high ones kept
    Yarn,     // the same, with another ramp between the two
    LongRope, // every frequency has a divisor of its own
  };
  Kind kind = Kind::None;
  double factor = 1;
  double lowFrequencyFactor = 1;  // Llama3
  double highFrequencyFactor = 4; // Llama3
  int64_t originalContext = 8192; // Llama3, Yarn, LongRope
  double betaFast = 32;           // Yarn: turns above which nothing changes
  double betaSlow = 1;            // Yarn: turns below which all is divided
  /// LongRope: divisors in sequences within the original context, and beyond.
  std::vector<double> shortFactors = {}, longFactors = {};
  double magnitude = 1; // Yarn, LongRope: multiplies sine and cosine

  bool operator==(const RopeScaling &) const = default;
};

/// The usual magnitude of YaRN, section 3.4: 0.1 ln(factor) + 1, and 1 where
/// nothing is stretched.
double yarnMagnitude(double factor);

/// Whether a sequence stays within the original context (LongRope).
enum class RopeLength : uint8_t { Short, Long };

/// θ_i = base^(−2i / dimensions), scaled, for i in [0, dimensions / 2):
/// radians per position, evaluated in f64 and rounded once.
std::vector<float> ropeFrequencies(int64_t dimensions, double base,
                                   const RopeScaling &scaling = {},
                                   RopeLength length = RopeLength::Short);

} // namespace qopt

#endif // QOPT_NUMERICS_ROPESCALING_H
