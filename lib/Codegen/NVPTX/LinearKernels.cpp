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

/// The split of a block's warps that lets the busiest processor read the fewest
/// weights; of equal ones the one that reads x least often. With two stages a
/// stage is asked for when the one before it is begun, and takes the latency of
/// a copy and its transfer, one after the other; with three they overlap. So
/// two count as half more weights.
static TileShape tileShape(const LinearSpec &spec, const Target &target,
                           int64_t inputRows, bool many) {
  TileShape best;
  int64_t bestCost = std::numeric_limits<int64_t>::max();
  auto consider = [&](TileShape shape) {
    int64_t warps = shape.warpsOfN * shape.warpsOfK;
    if (warps > 8 || warps < 4 ||
        shape.warpsOfK > spec.chunks() * shape.warpsPerChunk)
      return;
    while (shape.stages > 2 &&
           sharedBytes(spec, shape).fixed > target.sharedBytes)
      --shape.stages;
    if (sharedBytes(spec, shape).fixed > target.sharedBytes)
      return;
    int64_t outputs = MmaLayout::tileRows * shape.tilesPerWarp * shape.warpsOfN;
    int64_t blocks = divideUp(spec.rows(), outputs);
    int64_t cost = divideUp(blocks, target.processors) * outputs *
                   (shape.stages > 2 ? 2 : 3);
    if (cost < bestCost) {
      bestCost = cost;
      best = shape;
    }
  };
  // Warps share chunks only for the sake of shared memory: they scale sums, and
  // meet at barriers, twice as often.
  for (int64_t warpsPerChunk : {1, 2})
    for (int64_t warpsOfN : {8, 4, 2})
      for (int64_t warpsOfK : {1, 2, 4})
        if (warpsOfK % warpsPerChunk == 0)
          consider({.tilesPerWarp = many ? 2 : 1,
                    .warpsOfN = warpsOfN,
                    .warpsOfK = warpsOfK,
                    .warpsPerChunk = warpsPerChunk,
                    .inputRows = inputRows,
                    .stages = 4,
                    .scaleWeights = many || spec.scalesWeights()});
  return best;
}

static KernelPlan planTile(const LinearSpec &spec, const Target &target,
                           int64_t inputRows, bool anyRows) {
  bool many = anyRows && spec.mayScaleWeights();
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

std::vector<KernelPlan>
qopt::nvptx::planKernels(const LinearSpec &spec, const Target &target,
                         ArrayRef<WarpgroupShape> shapes) {
  std::vector<KernelPlan> plans;
  if (std::optional<KernelPlan> streaming = planStreaming(spec, target))
    plans.push_back(*streaming);
  if (target.warpgroups) {
    planWarpgroups(spec, target, shapes, plans);
    return plans;
  }
  plans.push_back(planTile(spec, target, 16, false));
  plans.push_back(planTile(spec, target, 32, false));
  if (spec.mayScaleWeights())
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
