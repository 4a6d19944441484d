//===- Grid.cpp - the numbers a group can represent ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Grid.h"
#include "Finite.h"

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

/// Σ |w − ŵ|^2.4 in f64.
static double shrinkLoss(std::span<const float> weights, const GroupGrid &grid,
                         int maxCode) {
  double loss = 0;
  for (float weight : weights) {
    const float error = weight - grid.decode(grid.encode(weight, maxCode));
    loss += std::pow(double(std::fabs(error)), 2.4);
  }
  return loss;
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
  double bestLoss = shrinkLoss(weights, best, scheme.maxCode());
  for (int step = 1; step < shrinkSteps; ++step) {
    const float share = 1 - float(step) / 100;
    GroupGrid grid = gridOf(low * share, high * share, scheme);
    const double loss = shrinkLoss(weights, grid, scheme.maxCode());
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
