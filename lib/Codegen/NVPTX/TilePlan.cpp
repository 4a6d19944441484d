//===- TilePlan.cpp - which shape of the tile kernel for which M ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// What the busiest processor moves decides, counted in bytes that come as fast
// as weights from memory (docs/gpu-tuning.md, "The tile kernel").
//
//===----------------------------------------------------------------------===//
#include "KernelFunction.h"
#include "Stripes.h"

#include <limits>

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

// Costs are in tenths of a byte.

/// What comes from memory meanwhile.
static int64_t costOfTime(const Target &target, int64_t nanoseconds) {
  return nanoseconds * target.bytesPerMicrosecond / 100;
}

/// What a stage costs a block. Weights come from memory, and once more, beside
/// x, from L2, which is about three times as fast. With two stages a stage is
/// asked for when the one before it is begun, and takes the latency of a copy
/// and its transfer, one after the other; with three they overlap. So two count
/// as half more.
static int64_t costOfStage(const LinearSpec &spec, const TileShape &shape) {
  int64_t weights = shape.chunks() * (shape.outputs() / MmaLayout::tileRows) *
                    WeightStream::slotBytes(spec);
  int64_t input =
      shape.chunks() * shape.inputRows * MmaLayout::chunkColumns * 2;
  int64_t tenths = std::max(10 * weights, 3 * (weights + input));
  return shape.stages > 2 ? tenths : tenths * 3 / 2;
}

static int64_t stagesOfTile(const LinearSpec &spec, const TileShape &shape) {
  return divideUp(spec.chunks(), shape.chunks());
}

/// With a tile for each block.
static int64_t costOfTiles(const LinearSpec &spec, const Target &target,
                           const TileShape &shape) {
  return divideUp(shape.tilesOf(spec), target.processors) *
         stagesOfTile(spec, shape) * costOfStage(spec, shape);
}

/// With stripes, one block on each processor: what it asks for ahead has to
/// hide the latency. A second tile fills the pipeline anew, and sums go through
/// L2, those of each earlier block after the others.
static int64_t costOfStripe(const LinearSpec &spec, const Target &target,
                            const TileShape &shape) {
  constexpr int64_t latency = 800, sharing = 1400, ofEarlier = 600; // ns
  Stripes::Share share = Stripes::shareOf(shape.stripes, shape.tilesOf(spec),
                                          stagesOfTile(spec, shape));
  int64_t stage = std::max(costOfStage(spec, shape),
                           costOfTime(target, latency) / (shape.stages - 1));
  // Warps that share a chunk have to promise something.
  int64_t twentieths = shape.warpsPerChunk > 1 ? 21 : 20;
  return share.stages * stage / 20 * twentieths +
         costOfTime(target, sharing + ofEarlier * share.earlier);
}

/// The split of a block's warps, and of the tiles to blocks, that costs the
/// busiest processor least; of equal ones the one that reads x least often.
static TileShape tileShape(const LinearSpec &spec, const Target &target,
                           int64_t inputRows, bool many,
                           std::optional<int64_t> stripes) {
  constexpr int64_t mostStages = 8, mostWarps = 8;
  TileShape best;
  int64_t bestCost = std::numeric_limits<int64_t>::max();
  auto consider = [&](const TileShape &shape, int64_t cost) {
    if (cost < bestCost) {
      bestCost = cost;
      best = shape;
    }
  };
  auto fits = [&](const TileShape &shape) {
    return sharedBytes(spec, shape).fixed <= target.sharedBytes;
  };
  auto tryShape = [&](TileShape shape) {
    if (shape.warps() > mostWarps || shape.warps() < 4 ||
        shape.warpsOfK > spec.chunks() * shape.warpsPerChunk)
      return;
    while (shape.stages > 2 && !fits(shape))
      --shape.stages;
    if (!fits(shape))
      return;
    const int64_t blocks = stripes.value_or(target.processors);
    if (!stripes || blocks <= 1)
      consider(shape, costOfTiles(spec, target, shape));
    // One block on a processor has to keep all of it busy.
    if (blocks <= 1 || shape.warps() != mostWarps || shape.stages < 3)
      return;
    shape.stripes =
        std::min({blocks, shape.tilesOf(spec) * stagesOfTile(spec, shape),
                  Stripes::mostBlocks});
    for (; shape.stages <= mostStages && fits(shape); ++shape.stages)
      consider(shape, costOfStripe(spec, target, shape));
  };
  // Warps share chunks only for the sake of shared memory: they scale sums, and
  // meet at barriers, twice as often.
  for (int64_t warpsPerChunk : {1, 2})
    for (int64_t warpsOfN : {8, 4, 2})
      for (int64_t warpsOfK : {1, 2, 4})
        if (warpsOfK % warpsPerChunk == 0)
          tryShape({.tilesPerWarp = many ? 2 : 1,
                    .warpsOfN = warpsOfN,
                    .warpsOfK = warpsOfK,
                    .warpsPerChunk = warpsPerChunk,
                    .inputRows = inputRows,
                    .stages = 4,
                    .scaleWeights = many || spec.scalesWeights()});
  return best;
}

static KernelPlan planTile(const LinearSpec &spec, const Target &target,
                           int64_t inputRows, bool anyRows,
                           std::optional<int64_t> stripes) {
  bool many = anyRows && spec.mayScaleWeights();
  TileShape shape = tileShape(spec, target, inputRows, many, stripes);
  KernelPlan plan;
  plan.entry = spec.name() + "_tile_" +
               (anyRows ? "any" : "m" + std::to_string(inputRows));
  plan.shape = shape;
  plan.launch.maxRows = anyRows ? 0 : inputRows;
  plan.launch.block = 32 * shape.warps();
  plan.launch.shared = sharedBytes(spec, shape).fixed;
  plan.launch.tilesOfN = shape.tilesOf(spec);
  if (shape.stripes) {
    // As many blocks as are resident: one or, of few rows, two on a processor.
    int64_t most = std::min(shape.tilesOf(spec) * stagesOfTile(spec, shape),
                            Stripes::mostBlocks);
    plan.launch.tilesOfN =
        stripes ? shape.stripes : std::min(2 * shape.stripes, most);
    plan.launch.persistent = true;
    plan.launch.workspace =
        Stripes::workspaceBytes(plan.launch.tilesOfN, shape.tileBytes());
  }
  plan.launch.tileOfM = inputRows;
  plan.launch.overlap = target.overlap;
  return plan;
}

void qopt::nvptx::planTiles(const LinearSpec &spec, const Target &target,
                            const Tuning &tuning,
                            std::vector<KernelPlan> &plans) {
  for (int64_t rows : {16, 32})
    plans.push_back(planTile(spec, target, rows, false, tuning.stripes));
  if (spec.mayScaleWeights())
    plans.push_back(planTile(spec, target, 64, false, tuning.stripes));
  // Many rows are many tiles, and need no sharing.
  plans.push_back(planTile(spec, target, 64, true, /*stripes=*/0));
}
