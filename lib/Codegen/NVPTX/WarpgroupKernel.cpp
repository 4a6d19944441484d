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
  int64_t pipeline = shape.stages * WarpgroupKernel::stageBytes(spec, shape);
  return {WarpgroupKernel::barrierBytes + std::max(sums, pipeline), 0};
}

KernelBuilder::Values WarpgroupKernel::flatten(const Weights &weights) {
  KernelBuilder::Values values;
  for (const auto &fragment : weights.fragments)
    values.append(fragment.begin(), fragment.end());
  for (const ParameterWords &words : weights.parameters)
    values.push_back(words.scales);
  return values;
}

WarpgroupKernel::Weights WarpgroupKernel::unflatten(ValueRange values) {
  Weights weights;
  for (int64_t step = 0; step < 4; ++step)
    for (int64_t i = 0; i < 4; ++i)
      weights.fragments[step][i] = values[4 * step + i];
  for (Value scales : values.drop_front(16))
    weights.parameters.emplace_back().scales = scales;
  return weights;
}

/// The records of 64 columns, from global memory: few bytes, and asked for
/// before the wait for the codes.
SmallVector<ParameterWords, 4> WarpgroupKernel::readParameters(Value tileOfK) {
  const MmaLayout &weight = spec.weight;
  auto recordOf = [&](int64_t recordsOfRow, Value record) {
    return b.add(b.mul(tile, recordsOfRow), record);
  };
  auto startOf = [&](int64_t columns) {
    return b.div(b.mul(tileOfK, MmaLayout::tileColumns), columns);
  };
  Value scales, zeros, supers;
  if (spec.hierarchy().hasLevels()) {
    // Half of a chunk's record: 8 of the 16 bytes of a row.
    Value record = recordOf(weight.chunks(), b.div(tileOfK, 2));
    scales = b.advance(frame.weight.scales, record, weight.scaleRecord());
    scales = b.advance(scales, b.rem(tileOfK, 2), 8);
    supers = b.advance(
        frame.weight.superScales,
        recordOf(weight.superBlocks(), startOf(spec.hierarchy().superSize)),
        weight.superRecord());
  } else {
    Value record = recordOf(weight.paddedGroups(), startOf(spec.groupLength()));
    scales = b.advance(frame.weight.scales, record, weight.scaleRecord());
    if (frame.weight.zeros)
      zeros = b.advance(frame.weight.zeros, record, MmaLayout::tileRows);
  }
  const Value places[] = {scales, zeros, supers};
  auto load = [&](Parameters::Component component, Value offset,
                  int64_t bytes) -> Value {
    return b.loadConstant(b.integers(bytes),
                          b.advance(places[component], offset, 1), bytes);
  };
  SmallVector<ParameterWords, 4> result;
  for (int64_t group = 0; group < groupsPerTile(); ++group)
    result.push_back(parameters.read(group, b.div(frame.lane, 4), load));
  return result;
}

/// Waits for a stage and decodes this warpgroup's share of its codes. Stages
/// past the last one are zeros, whatever parameters they find.
WarpgroupKernel::Weights WarpgroupKernel::decodeStage(const Stage &stage) {
  Value tileOfK = b.min(b.add(b.mul(stage.stage, shape.consumersOfK), ofK),
                        b.i32(spec.weight.tilesOfColumns() - 1));
  Weights weights;
  weights.parameters = readParameters(tileOfK);
  SmallVector<Dequantizer::Offsets> offsets;
  for (const ParameterWords &words : weights.parameters)
    offsets.push_back(parameters.offsets(words));

  Mbarrier::wait(b, full(stage.count), parity(stage.count));
  int64_t tilesOfBlock = 4 * shape.consumersOfN;
  Value tileOfBlock = b.add(b.mul(ofN, 4), b.rem(b.div(thread, 32), 4));
  Value place = b.mul(b.add(b.mul(ofK, tilesOfBlock), tileOfBlock),
                      spec.weight.tileBytes());
  Dequantizer::CodeWords codes = decode.loadCodes(
      b.add(b.add(address(stage.count), inputBytes(shape)), place), frame.lane);
  for (int64_t step = 0; step < 4; ++step) {
    int64_t group = step * groupsPerTile() / 4;
    weights.fragments[step] = decode.fragment(codes, step, offsets[group]);
    if (shape.scaleWeights)
      parameters.scale(weights.parameters[group], weights.fragments[step]);
  }
  if (shape.scaleWeights)
    weights.parameters.clear();
  return weights;
}

/// Starts weights · x: with scaled weights on top of `sums`, otherwise in sums
/// of its own for every group.
Sums WarpgroupKernel::beginProducts(const Stage &stage, const Weights &weights,
                                    const Sums &sums) {
  int64_t groups = shape.scaleWeights ? 1 : groupsPerTile();
  Sums products = sums;
  if (!shape.scaleWeights)
    products.assign(groups * sums.size(), b.f32(0));
  Value operand = swizzledOperand(
      b, b.add(address(stage.count), b.mul(ofK, shape.inputRows * rowBytes)));
  size_t count = products.size();
  Sums registers = products;
  for (const std::array<Value, 4> &fragment : weights.fragments)
    for (Value value : fragment)
      registers.push_back(b.bitcast(b.getI32Type(), value));
  fenceWgmma(b, registers);
  ArrayRef<Value> fragments = ArrayRef(registers).drop_front(count);
  products.assign(registers.begin(), registers.begin() + count);
  for (int64_t step = 0; step < 4; ++step) {
    bool first = step % (4 / groups) == 0;
    wgmma(b, spec.activation, fragments.slice(4 * step, 4), operand,
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
                                  Sums &sums) {
  waitForWgmma(b, products);
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
  Value first =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, frame.lane, b.i32(0));
  b.when(first, [&] { Mbarrier::arrive(b, empty(stage.count)); });
}

Sums WarpgroupKernel::consume(Value firstCount) {
  Weights first = decodeStage({b.i32(0), firstCount});
  size_t count = shape.inputRows / 2;
  KernelBuilder::Values carried(count, b.f32(0));
  carried.append(flatten(first));
  b.loop(b.i32(0), b.i32(stages()), b.i32(1), carried,
         [&](Value index, KernelBuilder::Values &carried) {
           Stage stage = {index, b.add(firstCount, index)};
           Stage next = {b.add(index, 1), b.add(stage.count, 1)};
           Sums sums(carried.begin(), carried.begin() + count);
           Weights weights = unflatten(ValueRange(carried).drop_front(count));
           Sums products = beginProducts(stage, weights, sums);
           Weights following = decodeStage(next);
           addProducts(products, weights, sums);
           release(stage);
           carried = sums;
           carried.append(flatten(following));
         });
  release({b.i32(stages()), b.add(firstCount, stages())});
  return Sums(carried.begin(), carried.begin() + count);
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
           // The next tile's copies may overwrite the sums of this one.
           namedBarrier(b, blockBarrier, threads);
           count[0] = b.add(count[0], stages() + 1);
         });
}

void WarpgroupKernel::consumeAll(Value warpgroup, Value firstRow, Value step) {
  ofN = b.rem(warpgroup, shape.consumersOfN);
  ofK = b.div(warpgroup, shape.consumersOfN);
  Value warpOfGroup = b.div(thread, 32);
  tile = b.add(
      b.mul(b.add(b.mul(b.block(gpu::Dimension::x), shape.consumersOfN), ofN),
            4),
      warpOfGroup);
  tile = b.min(tile, b.i32(spec.weight.tilesOfRows() - 1));
  KernelFrame inner = frame;
  inner.shared = b.add(frame.shared, barrierBytes);
  OutputTile output(b, spec, inner, shape.consumersOfK, shape.inputRows,
                    outputs(shape));
  Value firstOutput = b.add(b.mul(ofN, 64), b.mul(warpOfGroup, 16));
  overRows(firstRow, step, [&](Value row, Value count) {
    Sums sums = consume(count);
    namedBarrier(b, consumerBarrier, consumers * groupThreads);
    output.put(ofK, firstOutput, sums);
    namedBarrier(b, consumerBarrier, consumers * groupThreads);
    output.store(row, consumers * groupThreads);
  });
}

void WarpgroupKernel::build() {
  initializeBarriers();
  if (plan.launch.overlap) {
    allowOverlap(b);
    waitForPrevious(b);
  }
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
        overRows(firstRow, step,
                 [&](Value row, Value count) { produce(row, count); });
      },
      [&] {
        setRegisters(b, /*increase=*/true, consumerRegisters);
        consumeAll(warpgroup, firstRow, step);
      });
}

void qopt::nvptx::buildWarpgroupKernel(KernelBuilder &b, const LinearSpec &spec,
                                       const KernelPlan &plan,
                                       const KernelFrame &frame) {
  WarpgroupKernel(b, spec, plan, frame).build();
}
