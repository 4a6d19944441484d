//===- WarpgroupKernel.cpp - the consumers, and the kernel as a whole -----===//
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
  int64_t sums = OutputTile::bytes(shape.consumersOfK, shape.inputRows,
                                   WarpgroupKernel::outputs(shape));
  WarpgroupStage stage(spec, shape);
  int64_t pipeline = shape.stages * (stage.bytes() + stage.recordBytes);
  return {WarpgroupKernel::barrierBytes + std::max(sums, pipeline), 0};
}

KernelBuilder::Values WarpgroupKernel::flatten(const Weights &weights) {
  KernelBuilder::Values values(weights.fragments);
  for (const ParameterWords &words : weights.parameters)
    values.push_back(words.scales);
  return values;
}

WarpgroupKernel::Weights WarpgroupKernel::unflatten(ValueRange values) {
  Weights weights;
  weights.fragments.assign(values.begin(), values.begin() + 16);
  for (Value scales : values.drop_front(16))
    weights.parameters.emplace_back().scales = scales;
  return weights;
}

/// The records of this consumer's 64 columns of a stage.
SmallVector<ParameterWords, 4>
WarpgroupKernel::readParameters(const Stage &stage) {
  Value first = records(stage.count);
  auto load = [&](Parameters::Component component, Value offset,
                  int64_t bytes) -> Value {
    const WarpgroupStage::Records &part = layout.records[component];
    Value place = b.add(b.mul(tileOfBlock, part.bytes), part.place);
    if (spec.hierarchy().hasLevels() && component == Parameters::Scales) {
      // Half of a chunk's record: 8 of the 16 bytes of a row.
      Value tileOfK = b.add(b.mul(stage.stage, shape.consumersOfK), ofK);
      place = b.add(place, b.mul(b.rem(tileOfK, 2), 8));
    } else if (part.columns <= MmaLayout::tileColumns) {
      place = b.add(place, b.mul(ofK, groupsPerTile() * part.recordBytes));
    }
    return b.loadShared(b.integers(bytes), b.add(b.add(first, place), offset),
                        bytes);
  };
  SmallVector<ParameterWords, 4> result;
  for (int64_t group = 0; group < groupsPerTile(); ++group)
    result.push_back(parameters.read(group, b.div(frame.lane, 4), load));
  return result;
}

/// Waits for a stage and decodes this warp's share of its codes.
WarpgroupKernel::Weights WarpgroupKernel::decodeStage(const Stage &stage) {
  Mbarrier::wait(b, full(stage.count), parity(stage.count));
  Weights weights;
  weights.parameters = readParameters(stage);
  SmallVector<Dequantizer::Offsets> offsets;
  for (const ParameterWords &words : weights.parameters)
    offsets.push_back(parameters.offsets(words));
  Value place = b.mul(b.add(b.mul(ofK, layout.rowsOfTiles), tileOfBlock),
                      spec.weight.tileBytes());
  Dequantizer::CodeWords words =
      decode.loadCodes(b.add(codes(stage.count), place), frame.lane);
  for (int64_t step = 0; step < 4; ++step) {
    int64_t group = step * groupsPerTile() / 4;
    std::array<Value, 4> fragment =
        decode.fragment(words, step, offsets[group]);
    if (shape.scaleWeights)
      parameters.scale(weights.parameters[group], fragment);
    for (Value value : fragment)
      weights.fragments.push_back(b.bitcast(b.getI32Type(), value));
  }
  if (shape.scaleWeights)
    weights.parameters.clear();
  return weights;
}

/// Starts weights · x: with scaled weights on top of `sums`, otherwise in sums
/// of its own for every group.
Sums WarpgroupKernel::beginProducts(const Stage &stage, Weights &weights,
                                    const Sums &sums) {
  int64_t groups = shape.scaleWeights ? 1 : groupsPerTile();
  Sums products = sums;
  if (!shape.scaleWeights)
    products.assign(groups * sums.size(), b.f32(0));
  Value operand = swizzledOperand(
      b, b.add(address(stage.count), b.mul(ofK, shape.inputRows * rowBytes)));
  size_t count = products.size();
  Sums registers = products;
  registers.append(weights.fragments);
  fenceAsyncProxy(b);
  fenceWgmma(b, registers);
  weights.fragments.assign(registers.begin() + count, registers.end());
  products.assign(registers.begin(), registers.begin() + count);
  for (int64_t step = 0; step < 4; ++step) {
    bool first = step % (4 / groups) == 0;
    wgmma(b, spec.activation, ArrayRef(weights.fragments).slice(4 * step, 4),
          operand,
          /*accumulate=*/shape.scaleWeights || !first,
          MutableArrayRef(products).slice(step * groups / 4 * sums.size(),
                                          sums.size()));
    operand = arith::AddIOp::create(
        b, operand, arith::ConstantIntOp::create(b, b.getI64Type(), 2));
  }
  commitWgmma(b);
  return products;
}

void WarpgroupKernel::addProducts(Sums products, const Weights &weights,
                                  Sums &sums, Weights *following) {
  size_t count = products.size();
  if (following)
    products.append(following->fragments);
  waitForWgmma(b, products, weights.fragments);
  if (following)
    following->fragments.assign(products.begin() + count, products.end());
  products.truncate(count);
  if (shape.scaleWeights) {
    sums = products;
    return;
  }
  for (int64_t group = 0; group < groupsPerTile(); ++group) {
    Parameters::OfRows scale = parameters.scales(weights.parameters[group]);
    for (size_t i = 0; i < sums.size(); ++i)
      sums[i] = LLVM::FMAOp::create(b, scale[i % 4 / 2],
                                    products[group * sums.size() + i], sums[i]);
  }
}

/// This warp is done with a stage.
void WarpgroupKernel::release(const Stage &stage) {
  Mbarrier::arriveOfWarp(b, empty(stage.count), frame.lane);
}

Sums WarpgroupKernel::consume(Value firstCount) {
  size_t count = shape.inputRows / 2;
  KernelBuilder::Values carried(count, b.f32(0));
  carried.append(flatten(decodeStage(stageAt(b.i32(0), firstCount))));
  auto multiply = [&](Value index, KernelBuilder::Values &carried,
                      bool isLast) {
    Stage stage = stageAt(index, firstCount);
    Sums sums(carried.begin(), carried.begin() + count);
    Weights weights = unflatten(ValueRange(carried).drop_front(count));
    Sums products = beginProducts(stage, weights, sums);
    Weights following;
    if (!isLast)
      following = decodeStage(stageAt(b.add(index, 1), firstCount));
    addProducts(products, weights, sums, isLast ? nullptr : &following);
    release(stage);
    carried = sums;
    if (!isLast)
      carried.append(flatten(following));
  };
  Value last = b.i32(stages() - 1);
  b.loop(b.i32(0), last, b.i32(1), carried,
         [&](Value index, KernelBuilder::Values &carried) {
           multiply(index, carried, false);
         });
  multiply(last, carried, true);
  return carried;
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void WarpgroupKernel::initializeBarriers() {
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                        frame.thread, b.i32(0));
  b.when(isFirst, [&] {
    for (int64_t i = 0; i < shape.stages; ++i) {
      Mbarrier::init(b, full(b.i32(i)), groupThreads);
      Mbarrier::init(b, empty(b.i32(i)), 4 * consumers);
    }
  });
  b.barrier();
}

void WarpgroupKernel::overRows(Value firstRow, Value step,
                               function_ref<void(Value, Value)> body) {
  KernelBuilder::Values count = {b.i32(0)};
  b.loop(firstRow, frame.inputRows, step, count,
         [&](Value row, KernelBuilder::Values &count) {
           body(row, count[0]);
           // The next tile's copies may overwrite the sums of this one, and a
           // block ends when nobody needs its shared memory any more.
           if (shape.splitsOfK > 1)
             clusterBarrier(b);
           else
             namedBarrier(b, blockBarrier, threads);
           count[0] = b.add(count[0], stages());
         });
}

void WarpgroupKernel::consumeAll(Value warpgroup, Value firstRow, Value step) {
  ofN = b.rem(warpgroup, shape.consumersOfN);
  ofK = b.div(warpgroup, shape.consumersOfN);
  tileOfBlock = b.add(b.mul(ofN, 4), b.div(thread, 32));
  KernelFrame inner = frame;
  inner.shared = b.add(frame.shared, barrierBytes);
  OutputTile output(b, spec, inner, shape.consumersOfK, shape.inputRows,
                    outputs(shape), shape.splitsOfK);
  overRows(firstRow, step, [&](Value row, Value count) {
    Sums sums = consume(count);
    namedBarrier(b, consumerBarrier, consumers * groupThreads);
    output.put(ofK, b.mul(tileOfBlock, MmaLayout::tileRows), sums);
    if (shape.splitsOfK > 1)
      clusterBarrier(b);
    else
      namedBarrier(b, consumerBarrier, consumers * groupThreads);
    output.store(row, consumers * groupThreads);
  });
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
