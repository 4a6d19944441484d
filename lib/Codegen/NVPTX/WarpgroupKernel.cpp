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

void WarpgroupKernel::overRows(Value firstRow, Value step,
                               function_ref<void(Value, Value)> body) {
  KernelBuilder::Values count = {b.i32(0)};
  b.loop(firstRow, frame.inputRows, step, count,
         [&](Value row, KernelBuilder::Values &count) {
           body(row, count[0]);
           // The next tile's copies, TMA's among them, overwrite the sums of
           // this one, which all must have read.
           b.when(b.less(b.add(row, step), frame.inputRows), [&] {
             fenceAsyncProxy(b);
             if (shape.splitsOfK > 1)
               clusterBarrier(b);
             else
               namedBarrier(b, blockBarrier, threads);
           });
           count[0] = b.add(count[0], stages());
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
  blockOfN = b.div(b.block(gpu::Dimension::x), shape.splitsOfK);
  firstStage =
      b.mul(b.rem(b.block(gpu::Dimension::x), shape.splitsOfK), stages());
  thread = b.rem(frame.thread, groupThreads);
  Value warpgroup = b.div(frame.thread, groupThreads);
  Value firstRow = b.mul(b.block(gpu::Dimension::y), shape.inputRows);
  Value step = b.mul(b.blocks(gpu::Dimension::y), shape.inputRows);
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
        overRows(firstRow, step, [&](Value row, Value count) {
          produce(row, count);
          if (shape.splitsOfK > 1)
            clusterBarrier(b);
        });
      },
      [&] {
        setRegisters(b, /*increase=*/true, consumerRegisters);
        if (plan.launch.overlap)
          waitForPrevious(b);
        consumeAll(warpgroup, firstRow, step);
      });
}

void qopt::nvptx::buildWarpgroupKernel(KernelBuilder &b, const LinearSpec &spec,
                                       const KernelPlan &plan,
                                       const KernelFrame &frame) {
  WarpgroupKernel(b, spec, plan, frame).build();
}
