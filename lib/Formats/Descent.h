//===- Descent.h - codes improved one at a time -----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Coordinate descent: each code in turn becomes the best one for the best scale
// of all the others, if that lowers the error. Each step waits for a division
// of the one before. For Q3_K (make_q3_quants of ggml) that is all of the
// search, and most groups are a fixed point from the start: as long as nothing
// has changed, every weight sees the same moments, so that one pass without a
// dependency or a division finds the groups in which anything can change. Only
// those descend, put together in full vectors.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_DESCENT_H
#define QOPT_LIB_FORMATS_DESCENT_H

#include "Tiles.h"

namespace {

/// Groups whose largest magnitude is below this are stored as zeros.
constexpr float negligible = 1e-15f;

/// The weight of largest magnitude, the first of several, and its magnitude.
struct Extreme {
  Floats magnitude = 0.0f, value = 0.0f;

  void include(Floats x) {
    Ints larger = absolute(x) > magnitude;
    magnitude = select(larger, absolute(x), magnitude);
    value = select(larger, x, value);
  }
};
template <int count> Extreme findExtreme(const Floats *x) {
  Floats high = 0.0f, low = 0.0f;
  for (int i = 0; i < count; ++i) {
    high = select(x[i] > high, x[i], high);
    low = select(x[i] < low, x[i], low);
  }
  Extreme extreme;
  if (any((high == -low) & (high > 0.0f))) { // the first of two
    for (int i = 0; i < count; ++i)
      extreme.include(x[i]);
    return extreme;
  }
  extreme.include(high);
  extreme.include(low);
  return extreme;
}

/// Σ w x l and Σ w l²: for codes l the best scale is their quotient.
struct Moments {
  Floats xl = 0.0f, ll = 0.0f;

  void add(Floats weightedX, Floats weight, Floats l) {
    xl += weightedX * l;
    ll += weight * l * l;
  }
};

/// Which codes coordinate descent may change, and to what.
struct DescentRules {
  int low, high;        // of the codes
  bool restMustWeigh;   // skip a weight if all others have zero codes
  bool resultMustWeigh; // skip a change that leaves only zero codes
  bool wrapToByte;      // codes are stored as unsigned bytes
};

/// Improves codes one at a time, against the best scale of all the others: one
/// round. `moments` are those of the codes, before and after. Each step waits
/// for the one before, so several groups of `count` go side by side: group g of
/// x, weight and codes starts at g * count. Sets which groups have changed.
/// `seldom`: hardly any code will change, so that it is worth looking whether
/// one can before dividing.
template <int count, int groups, bool seldom = false>
void descendOnce(const Floats *x, const Floats *weight, DescentRules rules,
                 Ints *codes, Moments *moments, Ints *changed) {
  for (int g = 0; g < groups; ++g)
    changed[g] = 0;
  for (int i = 0; i < count; ++i)
#pragma clang loop unroll(full)
    for (int g = 0; g < groups; ++g) {
      const int k = g * count + i;
      Moments &all = moments[g];
      Floats weightedX = weight[k] * x[k], code = toFloats(codes[k]);
      Moments rest;
      rest.xl = all.xl - weightedX * code;
      rest.ll = all.ll - weight[k] * code * code;
      Ints allowed = rest.xl > 0.0f;
      if (rules.restMustWeigh)
        allowed &= rest.ll > 0.0f;
      const Floats scaled = x[k] * rest.ll;
      if constexpr (seldom) {
        const Floats low = rules.low * rest.xl, high = rules.high * rest.xl;
        Floats limited = select(scaled < high, scaled, high);
        limited = select(limited > low, limited, low);
        if (!any(allowed &
                 (absolute(limited - code * rest.xl) > 0.499f * rest.xl)))
          continue;
      }
      Ints proposal = roundToEven(scaled / rest.xl);
      proposal = clamp(proposal, rules.low, rules.high);
      rest.add(weightedX, weight[k], toFloats(proposal));
      Ints better = allowed & (proposal != codes[k]) &
                    (rest.xl * rest.xl * all.ll > all.xl * all.xl * rest.ll);
      if (rules.resultMustWeigh)
        better &= rest.ll > 0.0f;
      if (rules.wrapToByte)
        proposal &= 255;
      codes[k] = select(better, proposal, codes[k]);
      all.xl = select(better, rest.xl, all.xl);
      all.ll = select(better, rest.ll, all.ll);
      changed[g] |= better;
    }
}

/// Rounds until none changes a code, at most `rounds`.
template <int count>
void descend(const Floats *x, const Floats *weight, DescentRules rules,
             Ints *codes, Moments &moments, int rounds = 5) {
  for (Ints changed = -1; rounds > 0 && any(changed); --rounds)
    descendOnce<count, 1>(x, weight, rules, codes, &moments, &changed);
}

/// Codes -half … half - 1 with weights x², at first those that map the extreme
/// weight to -half.
template <int count, int half> struct SymmetricDescent {
  static constexpr DescentRules rules = {.low = -half,
                                         .high = half - 1,
                                         .restMustWeigh = false,
                                         .resultMustWeigh = true,
                                         .wrapToByte = false};

  /// One group per lane.
  struct Group {
    const Floats *x;
    Floats magnitude; // of the extreme weight
    Moments moments;
    Floats codes[count], xl[count]; // with the terms of moments.xl

    void start(const Floats *weights) {
      x = weights;
      moments = Moments();
      const Extreme extreme = findExtreme<count>(x);
      const Floats inverse = -float(half) / extreme.value;
      magnitude = extreme.magnitude;
      for (int i = 0; i < count; ++i) {
        const Floats nearest = nearestInteger(inverse * x[i]); // ≥ -half
        codes[i] = select(nearest < half - 1, nearest, Floats(half - 1));
        const Floats weight = x[i] * x[i];
        xl[i] = weight * x[i] * codes[i];
        moments.xl += xl[i];
        moments.ll += weight * codes[i] * codes[i];
      }
    }

    Ints vanishes() const { return magnitude < negligible; }
    Floats scale() const {
      return select(vanishes() | !(moments.ll > 0.0f), Floats(0.0f),
                    moments.xl / moments.ll);
    }

    /// False only where another round would change nothing. With r and s the
    /// moments xl and ll of the other weights, a weight proposes the code next
    /// to x s / r, which is its own if |x s - code r| < r / 2. The difference
    /// is x ll - code xl, because the weight's own terms cancel; with 0.499 for
    /// the half there is room for rounding errors, which are up to 2^-21
    /// (|x| ll + |code| xl), unless r is small. All xl have the sign of their
    /// sum, and where that is negative nothing is ever changed.
    Ints mayChange() const {
#pragma clang fp contract(fast) // the margin is larger than what that changes
      constexpr float margin = 0.499f;
      const Floats rest =
          moments.xl - float(half) * magnitude * magnitude * magnitude;
      const Floats sum = magnitude * moments.ll + float(half) * moments.xl;
      Ints result = (rest < sum * 0x1p-10f) | (rest < 1e-30f);
      for (int i = 0; i < count; ++i) {
        const Floats limit = margin * moments.xl - margin * xl[i];
        const Floats change = x[i] * moments.ll - codes[i] * moments.xl;
        result |= ((codes[i] < half - 1) & (change > limit)) |
                  ((codes[i] > -half) & (change < -limit));
      }
      return result & (moments.xl > 0.0f) & ~vanishes();
    }
  };

  /// Rounds until nothing changes, in `abreast` groups.
  template <int abreast> static void descend(Group *groups) {
    Floats x[abreast * count], weight[abreast * count];
    Ints codes[abreast * count], changed[abreast], more = -1;
    Moments moments[abreast];
    for (int g = 0; g < abreast; ++g) {
      moments[g] = groups[g].moments;
      for (int i = 0; i < count; ++i) {
        const int k = g * count + i;
        x[k] = groups[g].x[i];
        weight[k] = x[k] * x[k];
        codes[k] = __builtin_convertvector(groups[g].codes[i], Ints);
      }
    }
    for (int round = 0; round < 5 && any(more); ++round) {
      if (round < 2)
        descendOnce<count, abreast>(x, weight, rules, codes, moments, changed);
      else
        descendOnce<count, abreast, true>(x, weight, rules, codes, moments,
                                          changed);
      more = changed[0];
      for (int g = 1; g < abreast; ++g)
        more |= changed[g];
    }
    for (int g = 0; g < abreast; ++g) {
      groups[g].moments = moments[g];
      for (int i = 0; i < count; ++i)
        groups[g].codes[i] = toFloats(codes[g * count + i]);
    }
  }

  /// Some of the groups of all lanes.
  template <int number> struct Places {
    int found = 0;
    short place[number * lanes + 1]; // the group's number · lanes + the lane;
                                     // one is written in advance

    void add(int group, Ints chosen) {
      int flags[lanes];
      __builtin_memcpy(flags, &chosen, sizeof(flags));
      for (int lane = 0; lane < lanes; ++lane) {
        place[found] = short(group * lanes + lane);
        found -= flags[lane];
      }
    }
  };

  /// Descends at `used` places, up to abreast · lanes, and writes the scales.
  template <int abreast>
  static void descendAt(const float *const (&blocks)[lanes],
                        const short *places, int used, Floats *scales) {
    Floats x[abreast * count];
    Group groups[abreast];
    for (int g = 0; g < abreast; ++g) {
      const float *addresses[lanes];
      for (int lane = 0; lane < lanes; ++lane) {
        const int p = g * lanes + lane < used ? g * lanes + lane : 0;
        addresses[lane] = blocks[places[p] % lanes] + places[p] / lanes * count;
      }
      gather<count, false>(addresses, x + g * count);
      groups[g].start(x + g * count);
    }
    descend<abreast>(groups);
    float found[abreast][lanes];
    for (int g = 0; g < abreast; ++g) {
      const Floats scale = groups[g].scale();
      __builtin_memcpy(found[g], &scale, sizeof(scale));
    }
    for (int p = 0; p < used; ++p)
      scales[places[p] / lanes][places[p] % lanes] =
          found[p / lanes][p % lanes];
  }

  /// The scales of `number` groups, one behind the other; `blocks` has the
  /// address of the first weight of each lane. Fetches three
  /// quarters of as many weights ahead.
  template <int number>
  static void findScales(const Floats *x, const float *const (&blocks)[lanes],
                         Ahead &ahead, Floats *scales) {
    Places<number> places;
    constexpr int some = lanes * count * 3 / 16;
    for (int g = 0; g < number; ++g) {
      Group group;
      ahead.fetch(some);
      group.start(x + g * count);
      ahead.fetch(some);
      scales[g] = group.scale();
      const Ints chosen = group.mayChange();
      ahead.fetch(some);
      places.add(g, chosen);
      ahead.fetch(some);
    }
    // A step waits for the one before; three groups fill that time.
    for (int first = 0; first < places.found; first += 3 * lanes) {
      const short *next = places.place + first;
      const int left = places.found - first;
      if (left > 2 * lanes)
        descendAt<3>(blocks, next, left < 3 * lanes ? left : 3 * lanes, scales);
      else if (left > lanes)
        descendAt<2>(blocks, next, left, scales);
      else
        descendAt<1>(blocks, next, left, scales);
    }
  }

  /// The codes + half of one group.
  static void findCodes(const Floats *x, Bytes *codes) {
    Group group;
    group.start(x);
    descend<1>(&group);
    for (int i = 0; i < count; ++i) {
      const Ints code = __builtin_convertvector(group.codes[i], Ints) + half;
      codes[i] = toBytes(select(group.vanishes(), Ints(0), code));
    }
  }
};

} // namespace

#endif // QOPT_LIB_FORMATS_DESCENT_H
