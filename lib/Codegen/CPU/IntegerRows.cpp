//===- IntegerRows.cpp - byte products of many rows of x ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The half of IntegerLinear that unpacks a span of W once for all rows of x.
//
//===----------------------------------------------------------------------===//
#include "IntegerLinear.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;
using Minimum = AffineHierarchy::Minimum;

void IntegerLinear::allocateSpan() {
  auto allocate = [&](int64_t count, Type element) -> Value {
    return memref::AllocaOp::create(
        v.b, MemRefType::get({count * tile.blocks, lanes}, element),
        v.b.getI64IntegerAttr(64));
  };
  const int64_t groups = segmentsPerSpan * plan.groupsPerSegment;
  const int64_t steps = segmentsPerSpan * plan.chunksPerSegment * 8;
  Type f32 = v.b.getF32Type(), i32 = v.b.getI32Type();
  spanCodes = allocate(steps, i32);
  spanScales = allocate(groups, f32);
  if (h.minimum != Minimum::None)
    spanMinima = allocate(groups, h.minimum == Minimum::Half ? f32 : i32);
  if (h.hasLevels())
    spanSuper = allocate(2 * segmentsPerSpan, f32);
  results = allocate(tileRows, f32);
}

void IntegerLinear::emitRows(Value firstBlock, Value outputRow, Value count) {
  const Value zero = v.index(0);
  // Where no other block is left, the last one is computed twice.
  auto forSides = [&](llvm::function_ref<void(Value, Value)> body) {
    Value last = v.sub(arguments.endBlock, v.index(1));
    v.loop(zero, v.index(tile.blocks), 1, [&](Value side) {
      body(v.smaller(v.add(firstBlock, side), last), side);
    });
  };
  v.loop(zero, v.times(count, tile.blocks), 1, [&](Value place) {
    vector::StoreOp::create(v.b, v.splat(0.0f), results,
                            ValueRange{place, zero});
  });
  v.loop(zero, v.index(plan.segments), segmentsPerSpan, [&](Value first) {
    Value end =
        v.smaller(v.add(first, segmentsPerSpan), v.index(plan.segments));
    forSides(
        [&](Value block, Value side) { unpackSpan(block, side, first, end); });
    multiplySpan(first, end, count);
  });
  forSides([&](Value block, Value side) {
    v.loop(zero, count, 1, [&](Value row) {
      Value place = v.add(v.times(row, tile.blocks), side);
      parameters.storeOutput(v.add(outputRow, row), block,
                             v.load(results, {place, zero}));
    });
  });
}

void IntegerLinear::unpackSpan(Value block, Value side, Value first,
                               Value end) {
  const Value zero = v.index(0);
  auto put = [&](Value vector, Value memref, Value place) {
    vector::StoreOp::create(
        v.b, vector, memref,
        ValueRange{v.add(v.times(place, tile.blocks), side), zero});
  };
  v.loop(first, end, 1, [&](Value segment) {
    Value local = v.sub(segment, first);
    Value firstChunk = activations.firstChunk(segment);
    v.loop(zero, activations.chunkCount(segment), 1, [&](Value i) {
      Value chunk = v.add(firstChunk, i);
      // Products take many times as long as unpacking: the codes of the next
      // span can come from memory meanwhile.
      prefetchCodes(v, layout, parameters.packed(), block, chunk,
                    SegmentPlan::maxChunks);
      ChunkCodes codes(v, unit, h, parameters.packed(), block, chunk);
      Value place = v.times(v.add(v.times(local, plan.chunksPerSegment), i), 8);
      for (int step = 0; step < 8; ++step)
        put(codes.codes(step), spanCodes, v.add(place, step));
    });
    v.loop(zero, v.index(plan.groupsPerSegment), 1, [&](Value i) {
      Value group = h.hasLevels()
                        ? v.add(v.times(segment, plan.groupsPerSegment), i)
                        : v.quotient(segment, plan.segmentsPerRun);
      Group stored = groupAt(block, group);
      Value place = v.add(v.times(local, plan.groupsPerSegment), i);
      put(stored.scale, spanScales, place);
      if (stored.minimum)
        put(stored.minimum, spanMinima, place);
    });
    if (!h.hasLevels())
      return;
    Value place = v.times(local, 2);
    put(parameters.superScale(block, segment), spanSuper, place);
    if (h.minimum == Minimum::Level)
      put(parameters.superMinimum(block, segment), spanSuper, v.add(place, 1));
  });
}

void IntegerLinear::multiplySpan(Value first, Value end, Value count) {
  Value done = v.index(0);
  for (int rows = tile.rows; rows > 0; rows /= 2) {
    Value last =
        v.add(done, v.times(v.quotient(v.sub(count, done), rows), rows));
    v.loop(done, last, rows,
           [&](Value row) { multiplyRows(first, end, row, rows); });
    done = last;
  }
}

void IntegerLinear::multiplyRows(Value first, Value end, Value row, int rows) {
  Values totals;
  auto place = [&](int sum) -> SmallVector<Value> {
    return {v.add(v.times(row, tile.blocks), sum), v.index(0)};
  };
  const int sums = rows * tile.blocks;
  for (int i = 0; i < sums; ++i)
    totals.push_back(v.load(results, place(i)));
  v.loop(first, end, 1, totals, [&](Value segment, Values &carried) {
    multiplySegment(segment, v.sub(segment, first), row, carried);
  });
  for (int i = 0; i < sums; ++i)
    vector::StoreOp::create(v.b, totals[i], results, place(i));
}

/// Sum i is of row i / blocks and of block i % blocks.
void IntegerLinear::multiplySegment(Value segment, Value local, Value row,
                                    Values &totals) {
  const Value zero = v.index(0);
  const int blocks = tile.blocks, count = totals.size();
  const int bits = ChunkCodes::codeBits(h);
  Value firstChunk = activations.firstChunk(segment);
  Value chunks = activations.chunkCount(segment);
  auto rowOf = [&](int sum) { return v.add(row, sum / blocks); };
  auto start = [&](Value group) {
    Values sums;
    for (int i = 0; i < count; ++i)
      sums.push_back(startSum(rowOf(i), group));
    return sums;
  };
  auto addSteps = [&](Value chunk, int firstStep, int endStep, Values &sums) {
    Value place =
        v.times(v.add(v.times(local, plan.chunksPerSegment), chunk), 8);
    for (int step = firstStep; step < endStep; ++step) {
      Values codes;
      for (int block = 0; block < blocks; ++block)
        codes.push_back(
            v.load(spanCodes, {sideOf(v.add(place, step), block), zero}));
      for (int i = 0; i < count; i += blocks) {
        Value x = activations.columns(rowOf(i), v.add(firstChunk, chunk), step);
        for (int block = 0; block < blocks; ++block)
          sums[i + block] = unit.dot(sums[i + block], codes[block], x, bits);
      }
    }
  };
  auto unpackedGroups = [&](Value place) {
    SmallVector<Group> groups;
    for (int block = 0; block < blocks; ++block) {
      SmallVector<Value> at = {sideOf(place, block), zero};
      groups.push_back({v.load(spanScales, at),
                        spanMinima ? v.load(spanMinima, at) : Value()});
    }
    return groups;
  };
  if (!h.hasLevels()) {
    Values sums = start(segment);
    v.loop(zero, chunks, 1, sums, [&](Value chunk, Values &carried) {
      addSteps(chunk, 0, 8, carried);
    });
    SmallVector<Group> groups = unpackedGroups(local);
    for (int i = 0; i < count; ++i)
      totals[i] =
          finishFlat(sums[i], groups[i % blocks], rowOf(i), segment, totals[i]);
    return;
  }
  const bool minima = h.minimum == Minimum::Level;
  const int groupsPerChunk = int(32 / h.groupSize), steps = 8 / groupsPerChunk;
  Values carried(count, v.splat(0.0f));
  carried.append(minima ? count : 0, v.splat(0));
  v.loop(zero, chunks, 1, carried, [&](Value chunk, Values &inside) {
    for (int g = 0; g < groupsPerChunk; ++g) {
      Value inSegment = v.add(v.times(chunk, groupsPerChunk), g);
      Value group = v.add(v.times(segment, plan.groupsPerSegment), inSegment);
      Values sums = start(group);
      Value unpacked = v.add(v.times(local, plan.groupsPerSegment), inSegment);
      addSteps(chunk, g * steps, (g + 1) * steps, sums);
      SmallVector<Group> groups = unpackedGroups(unpacked);
      for (int i = 0; i < count; ++i) {
        LevelSums level = {inside[i], minima ? inside[count + i] : Value()};
        addLevel(level, sums[i], groups[i % blocks], rowOf(i), group);
        inside[i] = level.scaled;
        if (minima)
          inside[count + i] = level.minimums;
      }
    }
  });
  for (int i = 0; i < count; ++i) {
    auto super = [&](int which) {
      Value place = v.add(v.times(local, 2), which);
      return v.load(spanSuper, {sideOf(place, i % blocks), zero});
    };
    totals[i] = finishLevels(
        {carried[i], minima ? carried[count + i] : Value()}, super(0),
        minima ? super(1) : Value(), rowOf(i), segment, totals[i]);
  }
}
