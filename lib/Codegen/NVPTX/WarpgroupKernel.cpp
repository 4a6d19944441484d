//===- WarpgroupKernel.cpp - the kernel as a whole ------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "WarpgroupKernel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

SharedBytes qopt::nvptx::sharedBytes(const LinearSpec &spec,
                                     const WarpgroupShape &shape) {
  int64_t sums =
      OutputTile::bytes(shape.consumersOfK(), shape.inputRows, shape.outputs());
  WarpgroupStage stage(spec, shape);
  int64_t pipeline = shape.stages * (stage.bytes() + stage.recordBytes);
  return {WarpgroupKernel::barrierBytes + std::max(sums, pipeline), 0};
}

void WarpgroupKernel::initializeBarriers() {
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                        frame.thread, b.i32(0));
  b.when(isFirst, [&] {
    for (int64_t i = 0; i < shape.stages; ++i) {
      Mbarrier::init(b, full(b.i32(i)), groupThreads);
      Mbarrier::init(b, empty(b.i32(i)), 4 * consumers);
    }
    fenceAsyncProxy(b); // TMA is to see them, too
  });
  b.barrier();
}

WarpgroupKernel::Part WarpgroupKernel::partOf(Value firstRow, Value count) {
  Value block = b.block(gpu::Dimension::x);
  return {b.div(block, shape.splitsOfK),
          firstRow,
          b.mul(b.rem(block, shape.splitsOfK), stages()),
          b.i32(stages()),
          count,
          {}};
}

WarpgroupKernel::Part WarpgroupKernel::partOf(const Stripes::Part &stripe,
                                              Value count) {
  const int64_t tilesOfN = shape.tilesOf(spec);
  const int64_t unit = stagesOfTurn(spec, shape);
  return {b.rem(stripe.tile, tilesOfN),
          b.mul(b.div(stripe.tile, tilesOfN), shape.inputRows),
          b.mul(stripe.begin, unit),
          b.mul(b.sub(stripe.end, stripe.begin), unit),
          count,
          stripe};
}

/// The next part's copies, TMA's among them, overwrite the sums of this one,
/// which all must have read.
void WarpgroupKernel::meet() {
  fenceAsyncProxy(b);
  if (shape.splitsOfK > 1)
    clusterBarrier(b);
  else
    namedBarrier(b, blockBarrier, threads);
}

void WarpgroupKernel::overParts(function_ref<void()> body) {
  KernelBuilder::Values count = {b.i32(0)};
  auto build = [&](Part next, Value hasNext, KernelBuilder::Values &count) {
    part = next;
    body();
    b.when(hasNext, [&] { meet(); });
    count[0] = b.add(count[0], part.stages);
  };
  if (stripes)
    return b.loop(b.i32(0), stripes->parts(), b.i32(1), count,
                  [&](Value index, KernelBuilder::Values &count) {
                    build(partOf(stripes->part(index), count[0]),
                          b.less(b.add(index, 1), stripes->parts()), count);
                  });
  Value step = b.mul(b.blocks(gpu::Dimension::y), shape.inputRows);
  b.loop(b.mul(b.block(gpu::Dimension::y), shape.inputRows), frame.inputRows,
         step, count, [&](Value row, KernelBuilder::Values &count) {
           build(partOf(row, count[0]),
                 b.less(b.add(row, step), frame.inputRows), count);
         });
  // A block ends when no other reads its shared memory any more: what has been
  // read is in y's stores, and they need not have arrived anywhere.
  if (shape.splitsOfK > 1)
    meetInCluster(b);
}

void WarpgroupKernel::build() {
  initializeBarriers();
  if (plan.launch.overlap)
    allowOverlap(b);
  thread = b.rem(frame.thread, groupThreads);
  Value warpgroup = b.div(frame.thread, groupThreads);
  if (shape.stripes) {
    Value tilesOfM =
        b.div(b.add(frame.inputRows, shape.inputRows - 1), shape.inputRows);
    stripes.emplace(b, b.mul(tilesOfM, shape.tilesOf(spec)),
                    stages() / stagesOfTurn(spec, shape), shape.tileBytes(),
                    frame.workspace);
  }
  Value isProducer = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                           warpgroup, b.i32(consumers));
  b.when(
      isProducer,
      [&] {
        setRegisters(b, /*increase=*/false, producerRegisters);
        warp = uniformInWarp(b, b.div(thread, 32));
        startsCopies = oneLane(b);
        copyAhead();
        if (plan.launch.overlap)
          waitForPrevious(b);
        overParts([&] {
          produce();
          if (shape.splitsOfK > 1)
            clusterBarrier(b);
        });
      },
      [&] {
        setRegisters(b, /*increase=*/true, consumerRegisters);
        if (plan.launch.overlap)
          waitForPrevious(b);
        consumeAll(warpgroup);
      });
}

void qopt::nvptx::buildWarpgroupKernel(KernelBuilder &b, const LinearSpec &spec,
                                       const KernelPlan &plan,
                                       const KernelFrame &frame) {
  WarpgroupKernel(b, spec, plan, frame).build();
}
