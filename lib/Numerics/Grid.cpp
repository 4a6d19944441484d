//===- Grid.cpp - the numbers a group can represent ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Grid.h"
#include "Finite.h"
#include "KernelTable.h"

#include <bit>
#include <limits>

using namespace qopt;

static constexpr uint16_t smallestHalf = 1; // 2^-24, above 1e-8
static constexpr int shrinkSteps = 80;      // of one hundredth of the range

/// The grid that spans [low, high], which holds 0.
static GroupGrid gridOf(float low, float high, const GroupedScheme &scheme) {
  GroupGrid grid;
  // In f64, because the range of two finite floats may not be a float.
  const double range = scheme.symmetric
                           ? 2. * std::max(double(high), -double(low))
                           : double(high) - double(low);
  const float scale = float(range / scheme.maxCode());
  grid.scaleBits = std::max(f32ToF16(scale), smallestHalf);
  if (scheme.symmetric) {
    grid.zero = scheme.symmetricZero();
  } else {
    // A scale that was rounded down can push the zero point past the codes.
    const float zero = std::nearbyint(-low / grid.scale());
    grid.zero = int(std::min(zero, float(scheme.maxCode())));
  }
  return grid;
}

/// x^2.4 of x >= 0 to 1e-6, in arithmetic that compilers turn into vectors.
static float power24(float x) {
  // r = a^(-1/5) of a = x²: a fifth of the exponent, then Newton's method.
  const float a = x * x;
  const auto bits =
      int32_t(1.2f * 0x3f800000 - 0.2f * float(std::bit_cast<int32_t>(a)));
  float r = std::bit_cast<float>(bits);
  for (int step = 0; step < 4; ++step) {
    const float square = r * r;
    r *= 1.2f - 0.2f * (a * r) * (square * square);
  }
  return (a * r * r) * (a * r * r);
}

/// Σ |w − ŵ|^2.4, or something above `limit` if it is above that.
static double shrinkLoss(std::span<const float> weights, const GroupGrid &grid,
                         int maxCode, double limit) {
  constexpr size_t piece = 16;
  const float scale = grid.scale();
  const float first = float(-grid.zero), last = float(maxCode - grid.zero);
  auto loss = [&](float weight) {
    const float code = std::nearbyint(weight / scale);
    return power24(
        std::fabs(weight - scale * std::min(std::max(code, first), last)));
  };
  double sum = 0;
  size_t k = 0;
  for (; k + piece <= weights.size() && sum <= limit; k += piece) {
    float losses[piece], four[4] = {};
    for (size_t i = 0; i < piece; ++i)
      losses[i] = loss(weights[k + i]);
    for (size_t i = 0; i < piece; ++i)
      four[i % 4] += losses[i];
    sum += double(four[0] + four[1]) + double(four[2] + four[3]);
  }
  for (; k < weights.size() && sum <= limit; ++k)
    sum += double(loss(weights[k]));
  return sum;
}

Result<GroupGrid> qopt::findGrid(std::span<const float> weights,
                                 const GroupedScheme &scheme,
                                 const GridOptions &options) {
  float low = 0, high = 0;
  for (float weight : weights) {
    low = std::min(low, weight);
    high = std::max(high, weight);
  }
  GroupGrid best = gridOf(low, high, scheme);
  if (!std::isfinite(best.scale()))
    return badInput("the range [", low, ", ", high, "] needs a scale above ",
                    "65504, the largest f16");
  if (!options.mse || low == high)
    return best;
  double bestLoss = shrinkLoss(weights, best, scheme.maxCode(),
                               std::numeric_limits<double>::infinity());
  for (int step = 1; step < shrinkSteps; ++step) {
    const float share = 1 - float(step) / 100;
    GroupGrid grid = gridOf(low * share, high * share, scheme);
    const double loss = shrinkLoss(weights, grid, scheme.maxCode(), bestLoss);
    if (loss < bestLoss) {
      bestLoss = loss;
      best = grid;
    }
  }
  return best;
}

Result<GroupGrid> qopt::findWeightedGrid(Isa isa,
                                         std::span<const float> weights,
                                         std::span<const float> importance,
                                         const GroupedScheme &scheme) {
  constexpr int steps = 9; // of a twentieth of the range
  QOPT_ASSIGN(GroupGrid best, findGrid(weights, scheme));
  const auto [low, high] = std::minmax_element(weights.begin(), weights.end());
  const float least = std::min(0.f, *low), most = std::max(0.f, *high);
  if (least == most)
    return best;
  auto gridLoss = kernelsFor(isa).gridLoss;
  auto lossOf = [&](const GroupGrid &grid) {
    return gridLoss(weights.data(), importance.data(), weights.size(),
                    grid.scale(), float(-grid.zero),
                    float(scheme.maxCode() - grid.zero));
  };
  float bestLoss = lossOf(best);
  for (int i = 0; i < steps; ++i)
    for (int j = 0; j < (scheme.symmetric ? 1 : steps); ++j) {
      const float shareHigh = 1 - 0.05f * float(i);
      const float shareLow =
          scheme.symmetric ? shareHigh : 1 - 0.05f * float(j);
      const GroupGrid grid = gridOf(least * shareLow, most * shareHigh, scheme);
      const float loss = lossOf(grid);
      if (loss < bestLoss) {
        bestLoss = loss;
        best = grid;
      }
    }
  return best;
}

Status qopt::checkFinite(ConstMatrix weights) {
  return checkFinite(weights, "weight");
}

Status qopt::checkScheme(const GroupedScheme &scheme) {
  if (scheme.bits < 2 || scheme.bits > 8)
    return usageError("bits must be 2 to 8, not ", scheme.bits);
  if (scheme.groupSize != -1 && scheme.groupSize < 1)
    return usageError("group must be positive, or -1 for the whole row, not ",
                      scheme.groupSize);
  return {};
}
