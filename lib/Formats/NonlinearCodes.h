//===- NonlinearCodes.h - sixteen values for normal weights --*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// IQ4_NL and IQ4_XS: w_hat = scale · value[code], with values that are dense
// where normally distributed weights are.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_NONLINEARCODES_H
#define QOPT_LIB_FORMATS_NONLINEARCODES_H

#include "Blocks32.h"

namespace {

constexpr int nonlinearValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};
/// The same for BlockGrid.
constexpr int8_t nonlinearBytes[16] = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/// The nearest value, the upper one of two equally near. ggml compares rounded
/// distances; comparing with the middle of the gap decides the same, because
/// next to a middle both distances are exact: there f32 numbers are no denser
/// than they are around half the gap.
struct NearestValue {
  Ints code = 15;
  Floats value = float(nonlinearValues[15]);

  explicit NearestValue(Floats x) {
    for (int i = 14; i >= 0; --i) {
      Ints below = x < 0.5f * (nonlinearValues[i] + nonlinearValues[i + 1]);
      code += below;
      value = select(below, Floats(float(nonlinearValues[i])), value);
    }
  }
};

/// The weights of the errors in 32 weights; `energy` is used with importance.
inline void weighNonlinear(const Floats *x, const Floats *importance,
                           Floats energy, Floats *weight) {
  if (importance)
    return weighByImportance<32>(x, importance, energy, weight);
  for (int i = 0; i < 32; ++i)
    weight[i] = x[i] * x[i];
}

/// Twice the mean square of a block.
template <int count> Floats nonlinearEnergy(const Floats *x) {
  return sumOfSquares<count>(x) * (2.0f / count);
}

/// The scale of 32 weights. The first candidate maps the extreme weight to
/// 127, the others to -127 + step for |step| ≤ 7.
inline Floats searchNonlinear(const Floats *x, const Floats *weight) {
  constexpr float first = nonlinearValues[0];
  Extreme extreme = findExtreme<32>(x);
  auto momentsOf = [&](Floats inverse) {
    Moments sum;
    for (int i = 0; i < 32; ++i) {
      Floats value = NearestValue(inverse * x[i]).value;
      Floats weighted = weight[i] * value;
      sum.xl += weighted * x[i];
      sum.ll += weighted * value;
    }
    return sum;
  };
  Moments sum = momentsOf(1.0f / (-extreme.value / first));
  Floats scale = select(sum.ll > 0.0f, sum.xl / sum.ll, Floats(0.0f));
  Floats best = scale * sum.xl;
  for (int step = -7; step <= 7; ++step) {
    sum = momentsOf((step + first) / extreme.value);
    Ints better = (sum.ll > 0.0f) & (sum.xl * sum.xl > best * sum.ll);
    Floats candidate = sum.xl / sum.ll;
    scale = select(better, candidate, scale);
    best = select(better, candidate * sum.xl, best);
  }
  return select(extreme.magnitude < negligible, Floats(0.0f), scale);
}

} // namespace

#endif // QOPT_LIB_FORMATS_NONLINEARCODES_H
