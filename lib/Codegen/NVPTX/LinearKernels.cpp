//===- LinearKernels.cpp - which kernels a linear gets --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/NVPTX/LinearKernels.h"
#include "KernelFunction.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

static int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// The warps, from `least` to `most`, that leave the fewest of them idle in the
/// last round; of equal ones the most. All eight rows of x fit beside a queue
/// of at most so many chunks per warp, in as few segments as it takes.
static std::optional<StreamingShape> streamingShape(const LinearSpec &spec,
                                                    const Target &target,
                                                    int64_t least, int64_t most,
                                                    int64_t queue) {
  // Where chunks are large two are enough, and leave room for x.
  constexpr int64_t queueBytes = 80 << 10;
  int64_t slotBytes = WeightStream::slotBytes(spec);
  std::optional<StreamingShape> best;
  int64_t fewest = std::numeric_limits<int64_t>::max();
  for (int64_t warps = most; warps >= least; --warps) {
    StreamingShape shape{warps, queue};
    if (warps * queue * slotBytes > queueBytes)
      shape.queue = 2;
    int64_t rounds = divideUp(spec.chunks(), warps);
    for (;; ++shape.segments) {
      shape.rounds = divideUp(rounds, shape.segments);
      if (shape.segments > 1 && shape.rounds < shape.queue)
        break; // and it cannot fit
      SharedBytes bytes = sharedBytes(spec, shape);
      if (bytes.fixed + 8 * bytes.perRow > target.sharedBytes)
        continue;
      int64_t chunks = warps * shape.rounds * shape.segments;
      if (chunks < fewest) {
        fewest = chunks;
        best = shape;
      }
      break;
    }
  }
  return best;
}

static std::optional<KernelPlan> planStreaming(const LinearSpec &spec,
                                               const Target &target) {
  // Few warps only where shared memory is so small that more do not fit.
  int64_t most = std::min<int64_t>(16, spec.chunks());
  int64_t half = divideUp(most, 2);
  std::optional<StreamingShape> shape;
  for (int64_t least : {half, int64_t(1)})
    for (int64_t queue : {4, 2})
      if (!shape)
        shape = streamingShape(spec, target, least, most, queue);
  if (!shape)
    return std::nullopt;
  SharedBytes bytes = sharedBytes(spec, *shape);
  KernelPlan plan;
  plan.entry = spec.name() + "_stream_m8";
  plan.shape = *shape;
  plan.launch.maxRows = 8;
  plan.launch.block = 32 * shape->warps;
  plan.launch.shared = bytes.fixed;
  plan.launch.sharedPerRow = bytes.perRow;
  plan.launch.tilesOfN = spec.tiles();
  plan.launch.tileOfM = 8;
  plan.launch.persistent = true;
  plan.launch.overlap = target.overlap;
  return plan;
}

/// Whether rounding weights to the type of x is allowed where sums of groups
/// take too many registers. In bf16 it is as large as the rounding of y.
static bool mayScaleWeights(const LinearSpec &spec) {
  return spec.activation == ActivationType::F16 || spec.scalesWeights();
}

/// The split of a block's warps that lets the busiest processor read the fewest
/// weights; of equal ones the one that reads x least often.
static TileShape tileShape(const LinearSpec &spec, const Target &target,
                           int64_t inputRows, bool many) {
  TileShape best;
  int64_t bestCost = std::numeric_limits<int64_t>::max();
  for (int64_t warpsOfN : {8, 4, 2})
    for (int64_t warpsOfK : {1, 2, 4}) {
      int64_t warps = warpsOfN * warpsOfK;
      if (warps > 8 || warps < 4 || warpsOfK > spec.chunks())
        continue;
      TileShape shape{many ? 2 : 1, warpsOfN, warpsOfK,
                      inputRows,    4,        many || spec.scalesWeights()};
      while (shape.stages > 2 &&
             sharedBytes(spec, shape).fixed > target.sharedBytes)
        --shape.stages;
      if (sharedBytes(spec, shape).fixed > target.sharedBytes)
        continue;
      int64_t outputs = MmaLayout::tileRows * shape.tilesPerWarp * warpsOfN;
      int64_t blocks = divideUp(spec.rows(), outputs);
      int64_t cost = divideUp(blocks, target.processors) * outputs;
      if (cost < bestCost) {
        bestCost = cost;
        best = shape;
      }
    }
  return best;
}

static KernelPlan planTile(const LinearSpec &spec, const Target &target,
                           int64_t inputRows, bool anyRows) {
  bool many = anyRows && mayScaleWeights(spec);
  TileShape shape = tileShape(spec, target, inputRows, many);
  KernelPlan plan;
  plan.entry = spec.name() + "_tile_" +
               (anyRows ? "any" : "m" + std::to_string(inputRows));
  plan.shape = shape;
  plan.launch.maxRows = anyRows ? 0 : inputRows;
  plan.launch.block = 32 * shape.warpsOfN * shape.warpsOfK;
  plan.launch.shared = sharedBytes(spec, shape).fixed;
  plan.launch.tilesOfN = divideUp(
      spec.rows(), MmaLayout::tileRows * shape.tilesPerWarp * shape.warpsOfN);
  plan.launch.tileOfM = inputRows;
  plan.launch.overlap = target.overlap;
  return plan;
}

//===----------------------------------------------------------------------===//
// Warpgroups
//===----------------------------------------------------------------------===//

/// The shape with as many stages as fit.
static WarpgroupShape warpgroupShape(const LinearSpec &spec,
                                     const Target &target, int64_t consumersOfN,
                                     int64_t inputRows) {
  WarpgroupShape shape;
  shape.consumersOfN = consumersOfN;
  shape.consumersOfK = 2 / consumersOfN;
  shape.inputRows = inputRows;
  // A second set of sums only where there are registers for it.
  shape.scaleWeights =
      spec.scalesWeights() || (mayScaleWeights(spec) && inputRows > 64);
  constexpr int64_t most = 8; // more do not hide more
  shape.stages = most;
  while (sharedBytes(spec, shape).fixed > target.sharedBytes)
    --shape.stages;
  return shape;
}

/// Cycles of a processor for M rows: what its tensor cores need, but no less
/// per stage than it takes to wait, decode and start.
static int64_t cycles(const LinearSpec &spec, const Target &target,
                      const WarpgroupShape &shape, int64_t rows) {
  constexpr int64_t stageLatency = 220, bytesPerCycle = 32;
  int64_t blocks = divideUp(spec.rows(), 64 * shape.consumersOfN) *
                   divideUp(rows, shape.inputRows);
  int64_t columns = MmaLayout::tileColumns * shape.consumersOfK;
  int64_t stages = divideUp(spec.weight.paddedColumns(), columns);
  // Two warpgroups, four wgmma each, inputRows / 2 cycles each.
  int64_t bytes =
      shape.consumersOfK * shape.inputRows * MmaLayout::tileColumns * 2 +
      2 * 4 * spec.weight.tileBytes(); // of two warpgroups, a tile per warp
  int64_t ofStage = std::max(
      {stageLatency, 4 * shape.inputRows, divideUp(bytes, bytesPerCycle)});
  return divideUp(blocks, target.processors) * stages * ofStage;
}

static KernelPlan planWarpgroup(const LinearSpec &spec,
                                const WarpgroupShape &shape,
                                const Target &target, int64_t maxRows) {
  KernelPlan plan;
  plan.entry = spec.name() + "_warpgroup_" +
               (maxRows ? "m" + std::to_string(maxRows) : "any");
  plan.shape = shape;
  plan.launch.maxRows = maxRows;
  plan.launch.block = 3 * 128;
  plan.launch.shared = sharedBytes(spec, shape).fixed;
  plan.launch.tilesOfN = divideUp(spec.rows(), 64 * shape.consumersOfN);
  plan.launch.tileOfM = shape.inputRows;
  plan.launch.overlap = target.overlap;
  return plan;
}

/// For each range of M the cheapest shape; neighbouring ranges with the same
/// one share a kernel.
static void planWarpgroups(const LinearSpec &spec, const Target &target,
                           std::vector<KernelPlan> &plans) {
  constexpr int64_t many = 4096; // beyond, the last wave does not matter
  std::vector<std::pair<int64_t, int64_t>> candidates = {
      {1, 16}, {1, 32}, {1, 64}};
  if (mayScaleWeights(spec))
    candidates.insert(candidates.end(), {{1, 128}, {2, 128}, {2, 256}});
  else
    candidates.insert(candidates.end(), {{1, 96}, {2, 96}});
  std::optional<WarpgroupShape> last;
  for (int64_t rows : {16, 32, 64, 128, 256, 512, 1024, 2048, 0}) {
    std::optional<WarpgroupShape> best;
    int64_t bestCycles = 0;
    for (auto [consumersOfN, inputRows] : candidates) {
      WarpgroupShape shape =
          warpgroupShape(spec, target, consumersOfN, inputRows);
      int64_t cost = cycles(spec, target, shape, rows ? rows : many);
      // Of equal ones the last: larger tiles read x and weights less often.
      if (best && cost > bestCycles)
        continue;
      if (best && cost == bestCycles && rows && inputRows >= 2 * rows)
        continue; // but no tile that is half empty
      best = shape;
      bestCycles = cost;
    }
    if (last && last->inputRows == best->inputRows &&
        last->consumersOfN == best->consumersOfN)
      plans.pop_back();
    plans.push_back(planWarpgroup(spec, *best, target, rows));
    last = best;
  }
}

std::vector<KernelPlan> qopt::nvptx::planKernels(const LinearSpec &spec,
                                                 const Target &target) {
  std::vector<KernelPlan> plans;
  if (std::optional<KernelPlan> streaming = planStreaming(spec, target))
    plans.push_back(*streaming);
  if (target.warpgroups) {
    planWarpgroups(spec, target, plans);
    return plans;
  }
  plans.push_back(planTile(spec, target, 16, false));
  plans.push_back(planTile(spec, target, 32, false));
  if (mayScaleWeights(spec))
    plans.push_back(planTile(spec, target, 64, false));
  plans.push_back(planTile(spec, target, 64, true));
  return plans;
}

gpu::GPUFuncOp qopt::nvptx::buildKernel(gpu::GPUModuleOp module,
                                        Location location,
                                        const LinearSpec &spec,
                                        const KernelPlan &plan) {
  KernelBuilder b(location, module.getContext());
  b.setInsertionPointToEnd(module.getBody());
  // Two streaming kernels share a processor if x is short enough for both; so
  // the next one of the stream fills its queue while this one ends.
  int64_t resident = std::holds_alternative<StreamingShape>(plan.shape) ? 2 : 1;
  KernelFrame frame = beginKernel(b, spec, plan, resident);
  if (std::holds_alternative<StreamingShape>(plan.shape))
    buildStreamingKernel(b, spec, plan, frame);
  else if (std::holds_alternative<TileShape>(plan.shape))
    buildTileKernel(b, spec, plan, frame);
  else
    buildWarpgroupKernel(b, spec, plan, frame);
  return frame.function;
}
