//===- WarpgroupConsumer.cpp - the warps that multiply --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A step multiplies a tile of 64 outputs by 64 columns; a stage has as many
// steps as the consumer has tiles of it. Tensor cores are to work while the
// weights of the next step are decoded. ptxas sees nothing of that: as long as
// nothing holds it back, it moves decoding behind the wait for the products, or
// before the last of them.
//
//   scaled weights     start the products of this step; wait for those of the
//                      step before; decode. What is decoded is needed before
//                      the next wait, and tensor cores never run dry
//   scales afterwards  start the products of this step; decode; wait for the
//                      products, and add them. Branches keep decoding where
//                      it is: its results are needed where they never lead.
//                      (ptxas does not let two steps be on their way here: it
//                      would serialize them.)
//
//===----------------------------------------------------------------------===//
#include "WarpgroupKernel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

/// The records of 64 columns of a stage.
SmallVector<ParameterWords, 4>
WarpgroupKernel::readParameters(const Stage &stage, Tile tile) {
  Value tileOfK = tileOfStage(tile.ofK);
  Value first = records(stage.count);
  auto load = [&](Parameters::Component component, Value offset,
                  int64_t bytes) -> Value {
    const WarpgroupStage::Records &part = layout.records[component];
    Value place = b.add(b.mul(rowOfTiles(tile.ofN), part.bytes), part.place);
    if (part.columns < layout.columns)
      place = b.add(place, b.mul(b.div(b.mul(tileOfK, MmaLayout::tileColumns),
                                       part.columns),
                                 part.recordBytes));
    if (spec.hierarchy().hasLevels() && component == Parameters::Scales) {
      // Half of a chunk's record: 8 of the 16 bytes of a row.
      Value tileOfRow = b.add(b.mul(stage.stage, layout.tiles), tileOfK);
      place = b.add(place, b.mul(b.rem(tileOfRow, 2), 8));
    }
    return b.loadShared(b.integers(bytes), b.add(b.add(first, place), offset),
                        bytes);
  };
  SmallVector<ParameterWords, 4> result;
  for (int64_t group = 0; group < groupsPerTile(); ++group)
    result.push_back(parameters.read(group, b.div(frame.lane, 4), load));
  return result;
}

/// Decodes this warp's share of a tile.
WarpgroupKernel::Weights WarpgroupKernel::decodeTile(const Stage &stage,
                                                     Tile tile) {
  Weights weights;
  weights.parameters = readParameters(stage, tile);
  SmallVector<Dequantizer::Offsets> offsets;
  for (const ParameterWords &words : weights.parameters)
    offsets.push_back(parameters.offsets(words));
  Value place = b.mul(
      b.add(b.mul(rowOfTiles(tile.ofN), layout.tiles), tileOfStage(tile.ofK)),
      spec.weight.tileBytes());
  Dequantizer::CodeWords words =
      decode.loadCodes(b.add(codes(stage.count), place), frame.lane);
  for (int64_t part = 0; part < 4; ++part) {
    int64_t group = part * groupsPerTile() / 4;
    std::array<Value, 4> fragment =
        decode.fragment(words, part, offsets[group]);
    if (shape.scaleWeights)
      parameters.scale(weights.parameters[group], fragment);
    for (Value value : fragment)
      weights.fragments.push_back(b.bitcast(b.getI32Type(), value));
  }
  if (shape.scaleWeights)
    weights.parameters.clear();
  return weights;
}

/// Waits for a stage, and makes it visible to the wgmma to come.
void WarpgroupKernel::open(const Stage &stage) {
  Mbarrier::wait(b, full(stage.count), parity(stage.count));
  fenceAsyncProxy(b);
}

/// This warp is done with a stage.
void WarpgroupKernel::release(const Stage &stage) {
  Mbarrier::arriveOfWarp(b, empty(stage.count), frame.lane);
}

/// Starts weights · x: with scaled weights on top of `sums`, otherwise in sums
/// of its own for every group.
WarpgroupKernel::Flight WarpgroupKernel::beginProducts(const Stage &stage,
                                                       Tile tile,
                                                       Weights weights,
                                                       ArrayRef<Value> sums) {
  int64_t groups = shape.scaleWeights ? 1 : groupsPerTile();
  Sums products(sums.begin(), sums.end());
  if (!shape.scaleWeights)
    products.assign(groups * sums.size(), Value());
  Value operand = swizzledOperand(
      b, b.add(address(stage.count),
               b.mul(tileOfStage(tile.ofK), shape.inputRows * rowBytes)));
  Sums registers = weights.fragments;
  if (shape.scaleWeights)
    registers.append(products);
  fenceWgmma(b, registers, operand);
  weights.fragments.assign(registers.begin(), registers.begin() + 16);
  if (shape.scaleWeights)
    products.assign(registers.begin() + 16, registers.end());
  for (int64_t part = 0; part < 4; ++part) {
    bool first = part % (4 / groups) == 0;
    wgmma(b, spec.activation, ArrayRef(weights.fragments).slice(4 * part, 4),
          operand,
          /*accumulate=*/shape.scaleWeights || !first,
          MutableArrayRef(products).slice(part * groups / 4 * sums.size(),
                                          sums.size()));
    operand = arith::AddIOp::create(
        b, operand, arith::ConstantIntOp::create(b, b.getI64Type(), 2));
  }
  commitWgmma(b);
  return {weights, products};
}

void WarpgroupKernel::addProducts(Flight &flight, MutableArrayRef<Value> sums) {
  waitForWgmma(b, 0, flight.products, flight.weights.fragments);
  for (int64_t group = 0; group < groupsPerTile(); ++group) {
    Parameters::OfRows scale =
        parameters.scales(flight.weights.parameters[group]);
    for (size_t i = 0; i < sums.size(); ++i)
      sums[i] = LLVM::FMAOp::create(b, scale[i % 4 / 2],
                                    flight.products[group * sums.size() + i],
                                    sums[i]);
  }
}

//===----------------------------------------------------------------------===//
// The steps
//===----------------------------------------------------------------------===//

KernelBuilder::Values WarpgroupKernel::flatten(const Progress &progress) {
  KernelBuilder::Values values = progress.sums;
  values.append(progress.used);
  values.append(progress.next.fragments);
  for (const ParameterWords &words : progress.next.parameters)
    values.push_back(words.scales);
  return values;
}

/// The other way round: `like` says how many there are of each.
WarpgroupKernel::Progress WarpgroupKernel::unflatten(ValueRange values,
                                                     const Progress &like) {
  Progress progress = like;
  auto take = [&](MutableArrayRef<Value> target) {
    llvm::copy(values.take_front(target.size()), target.begin());
    values = values.drop_front(target.size());
  };
  take(progress.sums);
  take(progress.used);
  take(progress.next.fragments);
  for (ParameterWords &words : progress.next.parameters)
    take(words.scales);
  return progress;
}

Sums WarpgroupKernel::consume() {
  const int64_t tilesOfN = shape.tilesOfConsumer();
  const int64_t ofStage = tilesOfN * shape.tilesOfK;
  const size_t ofTile = shape.inputRows / 2;
  const int64_t ofTurn = stepsOfTurn(spec, shape);
  // What is decoded last in a turn is for the next one, and ptxas would move
  // half of it behind the wait. (A turn of one step it leaves alone, and few
  // rows are done before decoding is.)
  bool keepsDecoding = ofTurn > 1 && shape.inputRows >= 64;
  auto indexOf = [&](Value turn, int64_t step) {
    return b.add(b.mul(turn, ofTurn / ofStage), step / ofStage);
  };
  auto stageOf = [&](Value turn, int64_t step) {
    return stageAt(indexOf(turn, step));
  };
  auto tileOf = [&](int64_t step) -> Tile {
    return {step % tilesOfN, step % ofStage / tilesOfN};
  };
  auto decode = [&](Value turn, int64_t step) {
    Stage stage = stageOf(turn, step);
    if (step % ofStage == 0)
      open(stage);
    return decodeTile(stage, tileOf(step));
  };
  auto end = [&](Value turn, int64_t step) {
    if ((step + 1) % ofStage == 0)
      release(stageOf(turn, step));
  };
  auto run = [&](Value turn, int64_t step, Progress &progress, bool isLast) {
    auto sums =
        MutableArrayRef(progress.sums).slice(step % tilesOfN * ofTile, ofTile);
    Flight flight =
        beginProducts(stageOf(turn, step), tileOf(step), progress.next, sums);
    if (shape.scaleWeights) {
      llvm::copy(flight.products, sums.begin());
      if (!progress.used.empty()) {
        waitForWgmma(b, 1, {}, progress.used);
        end(turn, step - 1);
      }
      progress.used = flight.weights.fragments;
    }
    bool opensNext = (step + 1) % ofStage == 0; // a wait is a branch
    if (!shape.scaleWeights && !opensNext)
      endBasicBlock(b);
    if (!isLast)
      progress.next = decode(turn, step + 1);
    if (!shape.scaleWeights) {
      endBasicBlock(b, keepsDecoding && !isLast
                           ? ArrayRef(progress.next.fragments)
                           : ArrayRef<Value>());
      addProducts(flight, sums);
      end(turn, step);
    }
  };

  // The first step with scaled weights, turns of the loop, and what is left: a
  // part of a stripe is made of whole turns.
  const int64_t before = shape.scaleWeights ? 1 : 0;
  const int64_t steps = stripes ? ofTurn : ofStage * stages();
  const int64_t turns = std::max<int64_t>(0, (steps - 1 - before) / ofTurn);
  const int64_t left = steps - ofTurn * turns;
  Value zero = b.i32(0), last = b.i32(turns);
  if (stripes)
    last = b.add(b.sub(part.stripe.end, part.stripe.begin), -1);

  Progress progress;
  progress.sums.assign(tilesOfN * ofTile, b.f32(0));
  progress.next = decode(zero, 0);
  if (before)
    run(zero, 0, progress, left == 1);
  KernelBuilder::Values carried = flatten(progress);
  b.loop(zero, last, b.i32(1), carried,
         [&](Value turn, KernelBuilder::Values &carried) {
           Progress inside = unflatten(carried, progress);
           for (int64_t i = 0; i < ofTurn; ++i)
             run(turn, before + i, inside, false);
           carried = flatten(inside);
         });
  progress = unflatten(carried, progress);
  for (int64_t step = before; step < left; ++step)
    run(last, step, progress, step + 1 == left);
  if (shape.scaleWeights) {
    waitForWgmma(b, 0, progress.sums, progress.used);
    end(last, left - 1);
  }
  return progress.sums;
}

void WarpgroupKernel::finish(OutputTile &output) {
  constexpr int64_t threads = consumers * groupThreads;
  if (!stripes)
    return output.store(part.firstRow, threads);
  b.when(
      stripes->isLeft(part.stripe),
      [&] {
        output.leave(stripes->sums(), threads);
        namedBarrier(b, consumerBarrier, threads);
        stripes->raiseFlag(frame.thread);
      },
      [&] {
        stripes->waitForEarlier(part.stripe, frame.thread, threads);
        namedBarrier(b, consumerBarrier, threads);
        output.store(part.firstRow, threads, part.tileOfN,
                     [&](Value place, Value four) {
                       return stripes->addEarlier(part.stripe, place, four);
                     });
      });
}

void WarpgroupKernel::consumeAll(Value warpgroup) {
  Value ofN = b.rem(warpgroup, shape.consumersOfN());
  consumerOfK = b.div(warpgroup, shape.consumersOfN());
  firstTile = b.add(b.mul(ofN, 4), b.div(thread, 32));
  KernelFrame inner = frame;
  inner.shared = b.add(frame.shared, barrierBytes);
  OutputTile output(b, spec, inner, shape.consumersOfK(), shape.inputRows,
                    shape.outputs(), shape.splitsOfK);
  overParts([&] {
    Sums sums = consume();
    namedBarrier(b, consumerBarrier, consumers * groupThreads);
    const size_t ofTile = shape.inputRows / 2;
    for (int64_t tile = 0; tile < shape.tilesOfConsumer(); ++tile)
      output.put(consumerOfK, b.mul(rowOfTiles(tile), MmaLayout::tileRows),
                 Sums(ArrayRef(sums).slice(tile * ofTile, ofTile)));
    if (shape.splitsOfK > 1)
      clusterBarrier(b);
    else
      namedBarrier(b, consumerBarrier, consumers * groupThreads);
    finish(output);
  });
}
