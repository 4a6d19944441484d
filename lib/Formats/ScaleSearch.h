//===- ScaleSearch.h - the scale of a group of weights ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Every search minimizes Σ weight (x - x̂)² (or |x - x̂|) over a small set of
// candidate scales, with codes by rounding and, for each set of codes, the
// scale in closed form (weighted least squares). Which candidates, in which
// order, and how every f32 expression associates is the contract with ggml's
// quantizers: results are bit-identical to make_qx_quants, make_q3_quants and
// make_qp_quants, and those of AffineSearch.h to make_qkx2_quants and
// make_qkx3_quants.
//
// Here x, the weights and the codes are arrays of `count` lanes (Lanes.h), each
// lane a search of its own.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_SCALESEARCH_H
#define QOPT_LIB_FORMATS_SCALESEARCH_H

#include "Descent.h"

namespace {

/// The moments of the codes that each of several inverse scales gives, side by
/// side.
template <int count, int half, int candidates>
void findMoments(const Floats *x, const Floats *weightedX, const Floats *weight,
                 const Floats *inverse, Moments *sums) {
  for (int c = 0; c < candidates; ++c)
    sums[c] = Moments();
  for (int i = 0; i < count; ++i)
#pragma clang loop unroll(full)
    for (int c = 0; c < candidates; ++c)
      sums[c].add(weightedX[i], weight[i],
                  roundToEven(inverse[c] * x[i], -half, half - 1));
}

/// x̂ = scale · (code - half), codes 0 … 2 half - 1. The first candidate maps
/// the extreme weight to the code of largest magnitude, -half; the others move
/// that code by up to 0.9 in steps of 0.1. Returns the scale.
template <int count, int half>
Floats searchSymmetric(const Floats *x, const Floats *weight, Bytes *codes) {
  Extreme extreme = findExtreme<count>(x);
  Ints vanishing = extreme.magnitude < negligible;

  Floats weightedX[count];
  for (int i = 0; i < count; ++i)
    weightedX[i] = weight[i] * x[i];
  auto signedCode = [&](Floats inverse, int i) {
    return clamp(roundToEven(inverse * x[i]), -half, half - 1);
  };
  Floats bestInverse = -float(half) / extreme.value;
  Moments first;
  findMoments<count, half, 1>(x, weightedX, weight, &bestInverse, &first);
  Floats scale = select(first.ll != 0.0f, first.xl / first.ll, Floats(0.0f));
  Floats best = scale * first.xl;
  // Two candidates at a time hide each other's divisions; the sums of two fill
  // the registers of AVX-512 and are too many for 16.
  constexpr int abreast = lanes == 32 ? 2 : 1;
  for (int number = 0; number < 18; number += abreast) {
    Floats inverse[abreast];
    Moments sums[abreast];
#pragma clang loop unroll(full)
    for (int c = 0; c < abreast; ++c) {
      const int place = number + c, step = place < 9 ? place - 9 : place - 8;
      inverse[c] = -(half + 0.1f * step) / extreme.value;
    }
    findMoments<count, half, abreast>(x, weightedX, weight, inverse, sums);
#pragma clang loop unroll(full)
    for (int c = 0; c < abreast; ++c) {
      const Moments &sum = sums[c];
      // The error is Σ w x² - xl² / ll: larger is better.
      Ints better = (sum.ll > 0.0f) & (sum.xl * sum.xl > best * sum.ll);
      Floats candidate = sum.xl / sum.ll;
      scale = select(better, candidate, scale);
      best = select(better, candidate * sum.xl, best);
      bestInverse = select(better, inverse[c], bestInverse);
    }
  }
  for (int i = 0; i < count; ++i)
    codes[i] =
        toBytes(select(vanishing, Ints(0), signedCode(bestInverse, i) + half));
  return select(vanishing, Floats(0.0f), scale);
}

/// x̂ = scale · code for values that are hardly ever negative: the scales and
/// the minima of a super-block. A negative code is kept modulo 256, as a byte.
template <int count, int maxCode>
Floats searchPositive(const Floats *x, const Floats *weight, Ints *codes) {
  Floats largest = 0.0f;
  for (int i = 0; i < count; ++i)
    largest = select(largest > x[i], largest, x[i]);
  Ints vanishing = largest < negligible;

  auto errorOf = [&](Floats scale, auto code) {
    Floats error = 0.0f;
    for (int i = 0; i < count; ++i) {
      Floats difference = x[i] - scale * toFloats(code(i));
      error += weight[i] * difference * difference;
    }
    return error;
  };
  Floats inverse = float(maxCode) / largest;
  Floats best = errorOf(
      1.0f / inverse, [&](int i) { return roundToEven(inverse * x[i]) & 255; });
  for (int step = -4; step <= 4; ++step) {
    if (step == 0)
      continue;
    Floats candidate = (0.1f * step + maxCode) / largest;
    Floats error = errorOf(1.0f / candidate, [&](int i) {
      return atMost(roundToEven(candidate * x[i]), maxCode);
    });
    Ints better = error < best;
    best = select(better, error, best);
    inverse = select(better, candidate, inverse);
  }

  Moments moments;
  for (int i = 0; i < count; ++i) {
    Ints code = atMost(roundToEven(inverse * x[i]), maxCode);
    moments.add(weight[i] * x[i], weight[i], toFloats(code));
    codes[i] = code & 255;
  }
  descend<count>(x, weight,
                 {.low = INT32_MIN,
                  .high = maxCode,
                  .restMustWeigh = true,
                  .resultMustWeigh = false,
                  .wrapToByte = true},
                 codes, moments);
  for (int i = 0; i < count; ++i)
    codes[i] = select(vanishing, Ints(0), codes[i]);
  return select(vanishing | !(moments.ll > 0.0f), Floats(0.0f),
                moments.xl / moments.ll);
}

} // namespace

#endif // QOPT_LIB_FORMATS_SCALESEARCH_H
