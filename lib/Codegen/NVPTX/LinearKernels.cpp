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

std::vector<KernelPlan> qopt::nvptx::planKernels(const LinearSpec &spec,
                                                 const Target &target,
                                                 const Tuning &tuning) {
  std::vector<KernelPlan> plans;
  if (std::optional<KernelPlan> streaming = planStreaming(spec, target))
    plans.push_back(*streaming);
  if (target.warpgroups)
    planWarpgroups(spec, target, tuning, plans);
  else
    planTiles(spec, target, tuning, plans);
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
