//===- IntegerLinear.cpp - y = x W^T in byte products ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// One row of x, which has been quantized:
//
// for every block of 16 rows of W
//   for every segment, chunk and step          (codes stay in registers)
//     acc += codes * broadcast(four columns of xq)
//
// Many rows (IntegerRows.cpp):
//
// for every tile of rows of x                  (quantized into scratch, once)
//   for every two blocks of 16 rows of W
//     for every span of up to 256 columns
//       unpack its codes into scratch          (8 KiB: first-level cache)
//       for every some rows
//         the same with codes from scratch
//
// Sums within a group are exact integers, and what follows is the same sequence
// of f32 operations in both, so a row of y does not depend on the rows beside.
//
//===----------------------------------------------------------------------===//
#include "IntegerLinear.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;
using Minimum = AffineHierarchy::Minimum;

/// Rows that share one unpacking of W: at most 256 KiB of codes, so that they
/// stay in the second-level cache and fit on a stack.
static int64_t rowsPerTile(const InterleavedLayout &layout, int multiple) {
  const int64_t fit = std::min<int64_t>(
      (256 << 10) / Activations::rowBytes(SegmentPlan(layout)), 64);
  return fit >= multiple ? fit / multiple * multiple
                         : std::max<int64_t>(fit, 1);
}

IntegerLinear::IntegerLinear(ImplicitLocOpBuilder &builder,
                             const LinearKernelSpec &spec,
                             const CpuTarget &target,
                             const KernelArguments &arguments)
    : v(builder, target), unit(v), layout(spec.layout),
      h(spec.layout.hierarchy), arguments(arguments),
      parameters(v, layout, this->arguments),
      tile(unit.registerTile(h.minimum == Minimum::Level ? 3 : 2)),
      tileRows(arguments.prepared ? 1 : rowsPerTile(layout, tile.rows)),
      activations(v, layout, tileRows, arguments.prepared),
      plan(activations.plan),
      segmentsPerSpan(std::max<int64_t>(1, SegmentPlan::maxChunks /
                                               plan.chunksPerSegment)) {
  if (!arguments.prepared)
    allocateSpan();
}

void IntegerLinear::emit() {
  if (arguments.prepared)
    return v.loop(arguments.firstBlock, arguments.endBlock, 1,
                  [&](Value block) { emitRow(block, v.index(0)); });
  v.loop(v.index(0), arguments.inputRows, tileRows, [&](Value firstRow) {
    Value count =
        v.smaller(v.sub(arguments.inputRows, firstRow), v.index(tileRows));
    activations.quantize(arguments.input, firstRow, count);
    v.loop(arguments.firstBlock, arguments.endBlock, tile.blocks,
           [&](Value block) { emitRows(block, firstRow, count); });
  });
}

//===----------------------------------------------------------------------===//
// From the sums of a group to y
//===----------------------------------------------------------------------===//

Value IntegerLinear::startSum(Value row, Value group) {
  // - zero * sum of xq
  return h.minimum == Minimum::None ? activations.sum(row, group) : v.splat(0);
}

Value IntegerLinear::finishFlat(Value acc, Group group, Value row, Value index,
                                Value total) {
  if (h.minimum == Minimum::ZeroPoint)
    acc = unit.multiplyAdd(acc, group.minimum, activations.sum(row, index));
  Value scale = v.mulF(group.scale, activations.scale(row, index));
  total = v.fma(v.toFloat(acc), scale, total);
  if (h.minimum == Minimum::Half)
    total = v.fma(group.minimum, activations.sum(row, index), total);
  return total;
}

void IntegerLinear::addLevel(LevelSums &sums, Value acc, Group group, Value row,
                             Value index) {
  sums.scaled = v.fma(group.scale, v.toFloat(acc), sums.scaled);
  if (group.minimum)
    sums.minimums = unit.multiplyAdd(sums.minimums, group.minimum,
                                     activations.sum(row, index));
}

Value IntegerLinear::finishLevels(LevelSums sums, Value superScale,
                                  Value superMinimum, Value row, Value segment,
                                  Value total) {
  Value a = activations.scale(row, segment);
  total = v.fma(v.mulF(superScale, a), sums.scaled, total);
  if (superMinimum)
    total =
        v.fma(v.negF(v.mulF(superMinimum, a)), v.toFloat(sums.minimums), total);
  return total;
}

//===----------------------------------------------------------------------===//
// One row of x
//===----------------------------------------------------------------------===//

void IntegerLinear::emitRow(Value block, Value outputRow) {
  Values total = {v.splat(0.0f)};
  v.loop(v.index(0), v.index(plan.segments), 1, total,
         [&](Value segment, Values &carried) {
           carried[0] = rowSegment(block, segment, carried[0]);
         });
  parameters.storeOutput(outputRow, block, total[0]);
}

IntegerLinear::Values IntegerLinear::startChains(const ChainPlan &chains,
                                                 Value row, Value group) {
  Values sums(chains.chains().size(), v.splat(0));
  sums[0] = startSum(row, group); // of plane 0, not shifted
  return sums;
}

void IntegerLinear::rowDots(Value block, Value chunk, int firstStep,
                            int endStep, const ChainPlan &chains,
                            Values &sums) {
  const Value row = v.index(0);
  // The processor's own prefetching does not reach far enough ahead of a loop
  // that also computes.
  if (firstStep == 0)
    prefetchCodes(v, layout, parameters.packed(), block, chunk,
                  (8 << 10) / layout.chunkBytes());
  ChunkCodes codes(v, unit, h, parameters.packed(), block, chunk);
  for (int step = firstStep; step < endStep; ++step) {
    Value x = activations.columns(row, chunk, step);
    if (h.values) {
      sums[0] = unit.dot(sums[0], codes.codes(step), x, 8);
      continue;
    }
    for (size_t plane = 0; plane < chains.planes.size(); ++plane) {
      Value &sum = sums[chains.chain(plane, step)];
      const bool inPlace = chains.inPlace(plane);
      sum = unit.dot(sum, codes.field(plane, step, inPlace), x,
                     inPlace ? 8 : chains.planes[plane].width);
    }
  }
}

Value IntegerLinear::combine(const ChainPlan &chains, ArrayRef<Value> sums) {
  Value result = sums[0];
  for (size_t i = 1; i < sums.size(); ++i) {
    auto [plane, shift] = chains.chains()[i];
    const int up = chains.planes[plane].firstBit - shift;
    Value sum = sums[i];
    // Down by an exact division: the sum is a multiple of 2^shift.
    if (up < 0)
      sum = arith::ShRSIOp::create(v.b, sum, v.splat(-up));
    else
      sum = v.shift(sum, -up);
    result = v.add(result, sum);
  }
  return result;
}

Value IntegerLinear::rowSegment(Value block, Value segment, Value total) {
  const Value row = v.index(0), firstChunk = activations.firstChunk(segment);
  Value count = activations.chunkCount(segment);
  if (!h.hasLevels()) {
    const ChainPlan chains(h, plan.chunksPerSegment, unit);
    Values sums = startChains(chains, row, segment);
    auto addChunk = [&](Value chunk, Values &carried) {
      rowDots(block, v.add(firstChunk, chunk), 0, 8, chains, carried);
    };
    if (plan.regular && plan.chunksPerSegment == 1)
      addChunk(v.index(0), sums);
    else
      v.loop(v.index(0), count, 1, sums, addChunk);
    Group group = groupAt(block, v.quotient(segment, plan.segmentsPerRun));
    return finishFlat(combine(chains, sums), group, row, segment, total);
  }
  const int groupsPerChunk = int(32 / h.groupSize);
  const ChainPlan chains(h, 1.0 / groupsPerChunk, unit);
  Values carried = {v.splat(0.0f)};
  if (h.minimum == Minimum::Level)
    carried.push_back(v.splat(0));
  v.loop(v.index(0), count, 1, carried, [&](Value i, Values &inside) {
    Value chunk = v.add(firstChunk, i);
    LevelSums level = {inside[0], inside.size() > 1 ? inside[1] : Value()};
    for (int g = 0; g < groupsPerChunk; ++g) {
      Value group = v.add(v.times(chunk, groupsPerChunk), g);
      Values sums = startChains(chains, row, group);
      const int steps = 8 / groupsPerChunk;
      rowDots(block, chunk, g * steps, (g + 1) * steps, chains, sums);
      addLevel(level, combine(chains, sums), groupAt(block, group), row, group);
    }
    inside[0] = level.scaled;
    if (level.minimums)
      inside[1] = level.minimums;
  });
  LevelSums sums = {carried[0], carried.size() > 1 ? carried[1] : Value()};
  return finishLevels(sums, parameters.superScale(block, segment),
                      sums.minimums ? parameters.superMinimum(block, segment)
                                    : Value(),
                      row, segment, total);
}
