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
#include "WarpgroupStage.h"

#include <limits>

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

static int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Fills in what follows from the other members: as many stages as fit.
static WarpgroupShape complete(const LinearSpec &spec, const Target &target,
                               WarpgroupShape shape) {
  shape.consumersOfK = 2 / shape.consumersOfN;
  // A second set of sums only where there are registers for it.
  shape.scaleWeights =
      spec.scalesWeights() || (spec.mayScaleWeights() && shape.inputRows > 64);
  // 16 stages of codes are 64 KB: twice what a processor gets from memory in
  // the time that a byte takes.
  constexpr int64_t most = 16;
  shape.stages = most;
  while (sharedBytes(spec, shape).fixed > target.sharedBytes)
    --shape.stages;
  return shape;
}

/// Whether each block of a cluster gets equally many stages.
static bool splits(const LinearSpec &spec, const WarpgroupShape &shape) {
  int64_t columns = MmaLayout::tileColumns * (2 / shape.consumersOfN);
  return spec.weight.paddedColumns() % (columns * shape.splitsOfK) == 0;
}

/// Processors that clusters of so many blocks can use: a cluster stays inside
/// of a GPC, which has 16 or 18.
static int64_t usableProcessors(const Target &target, int64_t cluster) {
  constexpr int64_t ofGpc = 16;
  if (cluster <= 2)
    return target.processors / cluster * cluster;
  return target.processors / ofGpc * (ofGpc / cluster * cluster);
}

/// Cycles for M rows. A stage takes what its products need, but no less than
/// its bytes, and than a scheduler takes to issue the instructions of a
/// producer and two consumer warps; the blocks of a cluster add their sums at
/// the end.
static int64_t cycles(const LinearSpec &spec, const Target &target,
                      const WarpgroupShape &shape, int64_t rows) {
  constexpr int64_t instructions = 240, bytesPerCycle = 32;
  constexpr int64_t barriers = 1000, remoteBytesPerCycle = 16;
  WarpgroupStage stage(spec, shape);
  // Two warpgroups, four wgmma each, inputRows / 2 cycles each.
  int64_t ofStage =
      std::max({instructions, 4 * shape.inputRows,
                divideUp(stage.bytes() + stage.recordBytes, bytesPerCycle)});
  int64_t ofBlock =
      spec.weight.paddedColumns() / stage.columns / shape.splitsOfK * ofStage;
  if (shape.splitsOfK > 1) {
    int64_t sums = OutputTile::bytes(shape.consumersOfK, shape.inputRows,
                                     64 * shape.consumersOfN);
    ofBlock += barriers + sums * (shape.splitsOfK - 1) / shape.splitsOfK /
                              remoteBytesPerCycle;
  }
  int64_t blocks = divideUp(spec.rows(), 64 * shape.consumersOfN) *
                   divideUp(rows, shape.inputRows) * shape.splitsOfK;
  return divideUp(blocks, usableProcessors(target, shape.splitsOfK)) * ofBlock;
}

static WarpgroupShape cheapest(const LinearSpec &spec, const Target &target,
                               int64_t rows) {
  constexpr int64_t many = 4096; // beyond, the last wave does not matter
  // consumersOfN, inputRows
  SmallVector<std::pair<int64_t, int64_t>> candidates = {
      {1, 16}, {2, 16}, {1, 32}, {2, 32}, {1, 64}, {2, 64}};
  // Two sets of sums leave room for 128 rows, and three, of two groups in 64
  // columns, for 96.
  if (!spec.mayScaleWeights() && spec.groupLength() < MmaLayout::tileColumns)
    candidates.append({{1, 96}, {2, 96}});
  else
    candidates.append({{1, 128}, {2, 128}});
  if (spec.mayScaleWeights())
    candidates.push_back({2, 256});
  WarpgroupShape best;
  int64_t bestCycles = std::numeric_limits<int64_t>::max();
  for (int64_t splitsOfK : {1, 2, 3, 4}) {
    // A cluster has to promise a tenth, and a larger one more: sums between
    // processors have cost more than expected.
    int64_t bound = bestCycles;
    if (splitsOfK > 1)
      bound = bestCycles / 20 * (20 - splitsOfK);
    for (auto [consumersOfN, inputRows] : candidates) {
      WarpgroupShape shape;
      shape.consumersOfN = consumersOfN;
      shape.inputRows = inputRows;
      shape.splitsOfK = splitsOfK;
      if (!splits(spec, shape))
        continue;
      shape = complete(spec, target, shape);
      int64_t cost = cycles(spec, target, shape, rows ? rows : many);
      // Of equal ones the last: larger tiles read x and weights less often. But
      // no tile that is half empty.
      bool isWide = rows && inputRows >= 2 * rows && cost == bestCycles;
      if (cost > bound || cost > bestCycles || isWide)
        continue;
      best = shape;
      bestCycles = cost;
    }
  }
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
  plan.launch.tilesOfN = divideUp(spec.rows(), 64 * shape.consumersOfN);
  plan.launch.cluster = shape.splitsOfK;
  plan.launch.tileOfM = shape.inputRows;
  plan.launch.overlap = target.overlap;
  return plan;
}

static std::string nameOf(const WarpgroupShape &shape) {
  return std::to_string(shape.consumersOfN) + "x" +
         std::to_string(shape.inputRows) + "x" +
         std::to_string(shape.splitsOfK);
}

void qopt::nvptx::planWarpgroups(const LinearSpec &spec, const Target &target,
                                 ArrayRef<WarpgroupShape> shapes,
                                 std::vector<KernelPlan> &plans) {
  for (const WarpgroupShape &shape : shapes)
    if (splits(spec, shape))
      plans.push_back(
          plan(spec, complete(spec, target, shape), target, 0, nameOf(shape)));
  if (!shapes.empty())
    return;
  // Neighbouring ranges of M with the same shape share a kernel.
  std::string last;
  for (int64_t rows : {16, 32, 64, 128, 256, 512, 1024, 2048, 0}) {
    WarpgroupShape best = cheapest(spec, target, rows);
    if (nameOf(best) == last)
      plans.pop_back();
    last = nameOf(best);
    plans.push_back(plan(spec, best, target, rows,
                         rows ? "m" + std::to_string(rows) : "any"));
  }
}

Result<WarpgroupShape> qopt::nvptx::parseWarpgroupShape(StringRef text) {
  WarpgroupShape shape;
  auto [consumers, rest] = text.split('x');
  auto [rows, splits] = rest.split('x');
  bool bad = consumers.getAsInteger(10, shape.consumersOfN) ||
             rows.getAsInteger(10, shape.inputRows) ||
             (!splits.empty() && splits.getAsInteger(10, shape.splitsOfK));
  if (bad || (shape.consumersOfN != 1 && shape.consumersOfN != 2) ||
      shape.inputRows < 16 || shape.inputRows > 256 || shape.inputRows % 16 ||
      shape.splitsOfK < 1 || shape.splitsOfK > 4)
    return usageError("warpgroup shape '", text.str(),
                      "': expected 1 or 2 times 64 outputs x 16 to 256 rows, a "
                      "multiple of 16 [x 1 to 4 parts of K], like 2x256 or "
                      "1x64x2");
  return shape;
}
