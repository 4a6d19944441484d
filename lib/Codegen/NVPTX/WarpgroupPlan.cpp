//===- WarpgroupPlan.cpp - which shape of the wgmma kernel for which M ----===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A cost model in cycles of a processor decides. Its constants are those of an
// H200 (docs/gpu-tuning.md, "The model of the wgmma kernel").
//
//===----------------------------------------------------------------------===//
#include "OutputTile.h"
#include "Stripes.h"
#include "WarpgroupStage.h"

#include <limits>

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

static bool hasRegisters(const LinearSpec &spec, const WarpgroupShape &shape) {
  int64_t most = shape.tilesOfConsumer() == 1 ? 144 : 96;
  return shape.scaleWeights || sumRegisters(spec, shape) <= most;
}

/// Whether each block of a cluster gets equally many stages.
static bool splits(const LinearSpec &spec, const WarpgroupShape &shape) {
  int64_t columns =
      MmaLayout::tileColumns * shape.consumersOfK() * shape.tilesOfK;
  return spec.weight.paddedColumns() % (columns * shape.splitsOfK) == 0;
}

static int64_t stagesOfTile(const LinearSpec &spec,
                            const WarpgroupShape &shape) {
  return spec.weight.paddedColumns() / WarpgroupStage(spec, shape).columns;
}

/// The blocks that share all tiles, at most as many as wanted; 0 if the stages
/// of a tile are no whole turns, which stripes are made of.
static int64_t stripesOf(const LinearSpec &spec, const WarpgroupShape &shape,
                         int64_t wanted) {
  int64_t stages = stagesOfTile(spec, shape);
  int64_t ofTurn = stagesOfTurn(spec, shape);
  if (shape.splitsOfK > 1 || stages % ofTurn)
    return 0;
  return std::min(
      {wanted, shape.tilesOf(spec) * stages / ofTurn, Stripes::mostBlocks});
}

/// Fills in what follows from the other members: as many stages as fit and
/// help.
static WarpgroupShape complete(const LinearSpec &spec, const Target &target,
                               WarpgroupShape shape) {
  // Sums of groups only where there are registers for them.
  shape.scaleWeights =
      spec.scalesWeights() ||
      (spec.mayScaleWeights() && sumRegisters(spec, shape) > fewSumRegisters);
  // Few rows are little work for tensor cores, and large stages little of the
  // other work.
  if (shape.inputRows <= 32) {
    shape.tilesOfK = 2;
    if (!splits(spec, shape) || !WarpgroupStage(spec, shape).hasWholeGroups())
      shape.tilesOfK = 1;
  }
  // A processor gets 39 KB from memory in the time that a byte takes: 64 KB of
  // codes, 16 stages of 4 KB, are enough.
  constexpr int64_t most = 16, many = 8, enoughBytes = 64 << 10;
  shape.stages = most;
  while (sharedBytes(spec, shape).fixed > target.sharedBytes)
    --shape.stages;
  // With a power of two, slot and phase are bits of a stage's number.
  int64_t power = llvm::bit_floor(uint64_t(shape.stages));
  if (power >= many ||
      power * WarpgroupStage(spec, shape).codeBytes >= enoughBytes)
    shape.stages = power;
  return shape;
}

/// Processors that clusters of so many blocks can use: a cluster stays inside
/// of a GPC, which has 16 or 18.
static int64_t usableProcessors(const Target &target, int64_t cluster) {
  constexpr int64_t ofGpc = 16;
  if (cluster <= 2)
    return target.processors / cluster * cluster;
  return target.processors / ofGpc * (ofGpc / cluster * cluster);
}

/// A stage takes what its products need, but no less than its bytes, and than a
/// scheduler takes to issue the instructions of a producer and two consumer
/// warps.
static int64_t cyclesOfStage(const LinearSpec &spec,
                             const WarpgroupShape &shape) {
  constexpr int64_t ofStage = 30, ofCopies = 30, ofTile = 170;
  constexpr int64_t bytesPerCycle = 32;
  WarpgroupStage stage(spec, shape);
  // Of each tile of two warpgroups four wgmma, inputRows / 2 cycles each.
  int64_t tiles = shape.tilesOfConsumer() * shape.tilesOfK;
  return std::max({ofStage + ofCopies * shape.tilesOfK + ofTile * tiles,
                   tiles * 4 * shape.inputRows,
                   divideUp(stage.bytes() + stage.recordBytes, bytesPerCycle)});
}

/// Cycles for M rows. Where blocks share tiles, sums go from one to another at
/// the end.
static int64_t cycles(const LinearSpec &spec, const Target &target,
                      const WarpgroupShape &shape, int64_t rows) {
  constexpr int64_t barriers = 1000, restart = 2500, sumBytesPerCycle = 16;
  int64_t stages = stagesOfTile(spec, shape);
  int64_t ofStage = cyclesOfStage(spec, shape);
  int64_t tiles = shape.tilesOf(spec) * divideUp(rows, shape.inputRows);
  if (shape.stripes) {
    Stripes::Share share = Stripes::shareOf(shape.stripes, tiles, stages);
    // One tile goes out, and those of earlier blocks come in.
    int64_t sums = (1 + share.earlier) * shape.tileBytes();
    return share.stages * ofStage + restart + sums / sumBytesPerCycle;
  }
  int64_t ofBlock = stages / shape.splitsOfK * ofStage;
  if (shape.splitsOfK > 1) {
    int64_t sums = OutputTile::bytes(shape.consumersOfK(), shape.inputRows,
                                     shape.outputs());
    ofBlock += barriers + sums * (shape.splitsOfK - 1) / shape.splitsOfK /
                              sumBytesPerCycle;
  }
  return divideUp(tiles * shape.splitsOfK,
                  usableProcessors(target, shape.splitsOfK)) *
         ofBlock;
}

static WarpgroupShape cheapest(const LinearSpec &spec, const Target &target,
                               int64_t rows, std::optional<int64_t> stripes) {
  constexpr int64_t many = 4096; // beyond, the last wave does not matter
  constexpr std::pair<int64_t, int64_t> candidates[] = {
      // tilesOfN, inputRows
      {1, 16}, {2, 16}, {4, 16}, {1, 32},  {2, 32},  {4, 32},  {1, 64}, {2, 64},
      {4, 64}, {1, 96}, {2, 96}, {1, 128}, {2, 128}, {2, 256}, {4, 128}};
  WarpgroupShape best;
  int64_t bestCycles = std::numeric_limits<int64_t>::max();
  auto tryAll = [&](int64_t splitsOfK, int64_t blocks, int64_t bound) {
    if (usableProcessors(target, splitsOfK) == 0)
      return;
    for (auto [tilesOfN, inputRows] : candidates) {
      WarpgroupShape shape;
      shape.tilesOfN = tilesOfN;
      shape.inputRows = inputRows;
      shape.splitsOfK = splitsOfK;
      if (!splits(spec, shape))
        continue;
      shape = complete(spec, target, shape);
      if (!hasRegisters(spec, shape))
        continue;
      shape.stripes = stripesOf(spec, shape, blocks);
      if (blocks && !shape.stripes)
        continue;
      int64_t cost = cycles(spec, target, shape, rows ? rows : many);
      // Of equal ones the last: larger tiles read x and weights less often. But
      // no tile that is half empty.
      bool isWide = rows && inputRows >= 2 * rows && cost == bestCycles;
      if (cost > bound || cost > bestCycles || isWide)
        continue;
      best = shape;
      bestCycles = cost;
    }
  };
  tryAll(1, 0, bestCycles);
  // A cluster of two has to promise a tenth, and a larger one more: sums
  // between processors have cost more than expected. So have stripes.
  for (int64_t splitsOfK : {2, 3, 4})
    tryAll(splitsOfK, 0, bestCycles / 20 * (20 - splitsOfK));
  if (int64_t blocks = stripes.value_or(target.processors))
    tryAll(1, blocks, bestCycles / 20 * 18);
  return best;
}

static KernelPlan plan(const LinearSpec &spec, const WarpgroupShape &shape,
                       const Target &target, int64_t maxRows,
                       const std::string &suffix) {
  KernelPlan plan;
  plan.entry = spec.name() + "_warpgroup_" + suffix;
  plan.shape = shape;
  plan.launch.maxRows = maxRows;
  plan.launch.block = 3 * 128;
  plan.launch.shared = sharedBytes(spec, shape).fixed;
  plan.launch.tilesOfN = shape.tilesOf(spec);
  plan.launch.cluster = shape.splitsOfK;
  plan.launch.tileOfM = shape.inputRows;
  if (shape.stripes) {
    plan.launch.tilesOfN = shape.stripes;
    plan.launch.persistent = true; // one on a processor
    plan.launch.tileOfM = std::numeric_limits<int32_t>::max(); // all rows
    plan.launch.workspace =
        Stripes::workspaceBytes(shape.stripes, shape.tileBytes());
  }
  plan.launch.overlap = target.overlap;
  return plan;
}

static std::string nameOf(const WarpgroupShape &shape) {
  return std::to_string(shape.tilesOfN) + "x" +
         std::to_string(shape.inputRows) + "x" +
         std::to_string(shape.splitsOfK) + (shape.stripes ? "s" : "");
}

void qopt::nvptx::planWarpgroups(const LinearSpec &spec, const Target &target,
                                 const Tuning &tuning,
                                 std::vector<KernelPlan> &plans) {
  for (WarpgroupShape shape : tuning.warpgroupShapes)
    if (splits(spec, shape)) {
      shape = complete(spec, target, shape);
      shape.stripes = stripesOf(spec, shape, tuning.stripes.value_or(0));
      plans.push_back(plan(spec, shape, target, 0, nameOf(shape)));
    }
  if (!tuning.warpgroupShapes.empty())
    return;
  // Neighbouring ranges of M with the same shape share a kernel.
  std::string last;
  for (int64_t rows : {16, 32, 64, 128, 256, 512, 1024, 2048, 0}) {
    WarpgroupShape best = cheapest(spec, target, rows, tuning.stripes);
    if (nameOf(best) == last)
      plans.pop_back();
    last = nameOf(best);
    plans.push_back(plan(spec, best, target, rows,
                         rows ? "m" + std::to_string(rows) : "any"));
  }
}

Result<WarpgroupShape> qopt::nvptx::parseWarpgroupShape(StringRef text) {
  WarpgroupShape shape;
  auto [tiles, rest] = text.split('x');
  auto [rows, splits] = rest.split('x');
  bool bad = tiles.getAsInteger(10, shape.tilesOfN) ||
             rows.getAsInteger(10, shape.inputRows) ||
             (!splits.empty() && splits.getAsInteger(10, shape.splitsOfK));
  int64_t tilesOfN = shape.tilesOfN;
  if (bad || (tilesOfN != 1 && tilesOfN != 2 && tilesOfN != 4) ||
      shape.inputRows < 16 || shape.inputRows > (tilesOfN == 4 ? 128 : 256) ||
      shape.inputRows % 16 || shape.splitsOfK < 1 || shape.splitsOfK > 4)
    return usageError("warpgroup shape '", text.str(),
                      "': expected 1, 2 or 4 times 64 outputs x 16 to 256 "
                      "rows, a multiple of 16 (128 at most for 4) [x 1 to 4 "
                      "parts of K], like 2x256 or 1x64x2");
  return shape;
}
