//===- AffineSearch.h - scale and minimum of a group ------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The search of ScaleSearch.h for weights whose codes start at a minimum.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_AFFINESEARCH_H
#define QOPT_LIB_FORMATS_AFFINESEARCH_H

#include "Lanes.h"

namespace {

/// x̂ = scale · code - minimum.
struct AffineFit {
  Floats scale, minimum; // minimum ≥ 0, or -0
};

/// Candidates for 1 / scale: (maxCode + first + step · i) / range, i ≤ steps.
struct AffineCandidates {
  float first, step;
  int steps;
  bool absoluteError; // minimize Σ w |x - x̂| instead of Σ w (x - x̂)²
};

/// The search of one group. Codes are 0 … maxCode. The minimum is at most the
/// smallest weight and never above 0. Each candidate's codes give scale and
/// minimum by weighted linear regression; a better candidate also moves the
/// origin of those after it.
template <int count, int maxCode> class AffineSearch {
public:
  void start(const Floats *groupX, const Floats *groupWeight, bool absolutely,
             float firstRange) {
    x = groupX;
    weight = groupWeight;
    absoluteError = absolutely;
    lowest = highest = x[0];
    sumW = weight[0];
    sumX = sumW * x[0];
    for (int i = 1; i < count; ++i) {
      lowest = select(x[i] < lowest, x[i], lowest);
      highest = select(x[i] > highest, x[i], highest);
      sumW += weight[i];
      sumX += weight[i] * x[i];
    }
    lowest = select(lowest > 0.0f, Floats(0.0f), lowest);
    constant = highest == lowest;
    origin = bestOrigin = lowest;
    inverse = bestInverse = float(maxCode) / (highest - lowest);
    scale = 1.0f / bestInverse;
    for (int i = 0; i < count; ++i)
      l[i] = toFloats(codeOf(i));
    best = errorOf(scale, origin);
    inverse = firstRange / (highest - origin);
  }

  /// Finds scale and minimum of the candidate `inverse`, by which the largest
  /// quotient is `range`.
  void regress(float range) {
    // Quotients lie between those of the extremes, so that most candidates need
    // no limits, and no others any but those of floats.
    const Floats smallest = inverse * (lowest - origin);
    const Ints inOrder = inverse > 0.0f;
    auto always = [this](Ints holds) { return !any(~(holds | constant)); };
    if (range < maxCode + 0.49f && always(inOrder & (smallest >= -0.5f)))
      accumulate(
          [this](int i) { return nearestInteger(inverse * (x[i] - origin)); });
    else if (always(inOrder & (smallest > -0x1p21f)))
      accumulate([this](int i) {
        return roundToEven(inverse * (x[i] - origin), 0, maxCode);
      });
    else
      accumulate([this](int i) { return toFloats(codeOf(i)); });
  }

  /// Takes the candidate if it is better, and goes on to the next, whose
  /// largest code is `nextRange` before it is rounded.
  void judge(float nextRange) {
    const Floats error = errorOf(newScale, newOrigin);
    const Ints better = (determinant > 0.0f) & (error < best);
    best = select(better, error, best);
    scale = select(better, newScale, scale);
    bestInverse = select(better, inverse, bestInverse);
    bestOrigin = select(better, origin, bestOrigin);
    origin = select(better, newOrigin, origin);
    inverse = nextRange / (highest - origin);
  }

  AffineFit finish(Bytes *codes) {
    const Floats lastOrigin = origin;
    inverse = bestInverse;
    origin = bestOrigin;
    for (int i = 0; i < count; ++i)
      codes[i] = toBytes(select(constant, Ints(0), codeOf(i)));
    return {select(constant, Floats(0.0f), scale),
            select(constant, -lowest, -lastOrigin)};
  }

private:
  Ints codeOf(int i) const {
    return clamp(roundToEven(inverse * (x[i] - origin)), 0, maxCode);
  }

  template <typename Code> void accumulate(Code code) {
    Floats sumL = 0.0f, sumLL = 0.0f, sumXL = 0.0f;
    for (int i = 0; i < count; ++i) {
      l[i] = code(i);
      Floats weightedL = weight[i] * l[i];
      sumL += weightedL;
      sumLL += weightedL * l[i];
      sumXL += weightedL * x[i];
    }
    determinant = sumW * sumLL - sumL * sumL;
    newScale = (sumW * sumXL - sumX * sumL) / determinant;
    newOrigin = (sumLL * sumX - sumL * sumXL) / determinant;
    const Ints above = newOrigin > 0.0f;
    if (any(above)) {
      newOrigin = select(above, Floats(0.0f), newOrigin);
      newScale = select(above, sumXL / sumLL, newScale);
    }
  }

  Floats errorOf(Floats scale, Floats origin) const {
    Floats error = 0.0f;
    for (int i = 0; i < count; ++i) {
      Floats difference = scale * l[i] + origin - x[i];
      error += weight[i] *
               (absoluteError ? absolute(difference) : difference * difference);
    }
    return error;
  }

  const Floats *x, *weight;
  bool absoluteError;
  Floats lowest, highest, sumW, sumX;
  Ints constant;
  Floats l[count]; // codes of the candidate
  Floats inverse, origin, determinant, newScale, newOrigin;
  Floats best, scale, bestInverse, bestOrigin;
};

/// Several groups, one behind the other, side by side: a candidate hangs on the
/// one before by two divisions, for which the other groups need not wait.
template <int count, int maxCode, int groups>
void searchAffine(const Floats *x, const Floats *weight,
                  AffineCandidates candidates, Bytes *codes, AffineFit *fits) {
  auto range = [&](int step) {
    return candidates.first + candidates.step * step + maxCode;
  };
  AffineSearch<count, maxCode> search[groups];
  for (int g = 0; g < groups; ++g)
    search[g].start(x + g * count, weight + g * count, candidates.absoluteError,
                    range(0));
  for (int step = 0; step <= candidates.steps; ++step) {
    for (int g = 0; g < groups; ++g)
      search[g].regress(range(step));
    for (int g = 0; g < groups; ++g)
      search[g].judge(range(step + 1));
  }
  for (int g = 0; g < groups; ++g)
    fits[g] = search[g].finish(codes + g * count);
}

} // namespace

#endif // QOPT_LIB_FORMATS_AFFINESEARCH_H
