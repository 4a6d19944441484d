//===- IntegerLinear.cpp - y = x W^T in byte products ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// for every tile of rows of x                  (quantized into scratch, once)
//   if it is one row
//     for every block of 16 rows of W
//       for every segment, chunk and step      (codes stay in registers)
//         acc += codes * broadcast(four columns of xq)
//   else
//     for every two blocks of 16 rows of W
//       for every span of up to 256 columns
//         unpack its codes into scratch        (8 KiB: first-level cache)
//         for every some rows
//           the same with codes from scratch
//
// Sums within a group are exact integers, and what follows is the same sequence
// of f32 operations in both, so a row of y does not depend on the rows beside.
//
//===----------------------------------------------------------------------===//
#include "IntegerLinear.h"

#include "mlir/Dialect/AMX/AMXDialect.h"

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

/// Rows of x in an AMX tile.
static constexpr int64_t amxRows = 16;

bool IntegerLinear::canUseTiles(const LinearKernelSpec &spec,
                                const CpuTarget &target) {
  // A product of 16 columns takes a tile as long as one of 64.
  const AffineHierarchy &h = spec.layout.hierarchy;
  if (h.hasLevels() && h.groupSize < 32)
    return false;
  return !spec.exact && target.has("amx-int8") && target.has("avx512vnni") &&
         target.isLinux() && SegmentPlan(spec.layout).regular &&
         rowsPerTile(spec.layout, amxRows) >= amxRows;
}

IntegerLinear::IntegerLinear(ImplicitLocOpBuilder &builder,
                             const LinearKernelSpec &spec,
                             const CpuTarget &target,
                             const KernelArguments &arguments, bool tiles)
    : v(builder, target), unit(v), layout(spec.layout),
      h(spec.layout.hierarchy), tiles(tiles), arguments(arguments),
      parameters(v, layout, this->arguments),
      tile(unit.registerTile(h.minimum == Minimum::Level ? 3 : 2)),
      tileRows(rowsPerTile(layout, tiles ? amxRows : tile.rows)),
      activations(v, layout, tileRows), plan(activations.plan),
      segmentsPerSpan(std::max<int64_t>(1, SegmentPlan::maxChunks /
                                               plan.chunksPerSegment)) {
  auto allocate = [&](int64_t count, Type element) -> Value {
    return memref::AllocaOp::create(
        v.b, MemRefType::get({count * tile.blocks, lanes}, element),
        v.b.getI64IntegerAttr(64));
  };
  const int64_t groups = segmentsPerSpan * plan.groupsPerSegment;
  Type f32 = v.b.getF32Type(), i32 = v.b.getI32Type();
  if (tileRows > 1) {
    const int64_t steps = segmentsPerSpan * plan.chunksPerSegment * 8;
    Value memory = memref::AllocaOp::create(
        v.b,
        MemRefType::get({steps * tile.blocks * 4 * lanes}, v.b.getI8Type()),
        v.b.getI64IntegerAttr(64));
    auto view = [&](int64_t rows, int64_t columns, Type element) -> Value {
      return memref::ViewOp::create(v.b,
                                    MemRefType::get({rows, columns}, element),
                                    memory, v.index(0), ValueRange());
    };
    spanCodes = view(steps * tile.blocks, lanes, i32);
    spanBytes = view(steps, tile.blocks * 4 * lanes, v.b.getI8Type());
    if (tiles)
      products = allocate(groups * amxRows, i32);
    spanScales = allocate(groups, f32);
    if (h.minimum != Minimum::None)
      spanMinima = allocate(groups, h.minimum == Minimum::Half ? f32 : i32);
    if (h.hasLevels())
      spanSuper = allocate(2 * segmentsPerSpan, f32);
    results = allocate(tileRows, f32);
  }
}

void IntegerLinear::emit() {
  v.loop(v.index(0), arguments.inputRows, tileRows, [&](Value firstRow) {
    Value count =
        v.smaller(v.sub(arguments.inputRows, firstRow), v.index(tileRows));
    activations.quantize(arguments.input, firstRow, count);
    auto forBlocks = [&](int step, llvm::function_ref<void(Value)> body) {
      v.loop(arguments.firstBlock, arguments.endBlock, step, body);
    };
    if (tileRows == 1)
      return forBlocks(1, [&](Value block) { emitRow(block, firstRow); });
    Value single =
        arith::CmpIOp::create(v.b, arith::CmpIPredicate::eq, count, v.index(1));
    scf::IfOp::create(
        v.b, single,
        [&](OpBuilder &, Location) {
          forBlocks(1, [&](Value block) { emitRow(block, firstRow); });
          scf::YieldOp::create(v.b);
        },
        [&](OpBuilder &, Location) {
          forBlocks(tile.blocks,
                    [&](Value block) { emitRows(block, firstRow, count); });
          scf::YieldOp::create(v.b);
        });
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
    prefetch(block, chunk, (8 << 10) / layout.chunkBytes());
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

//===----------------------------------------------------------------------===//
// Many rows of x
//===----------------------------------------------------------------------===//

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
      prefetch(block, chunk, SegmentPlan::maxChunks);
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

void IntegerLinear::prefetch(Value block, Value chunk, int64_t distance) {
  // Chunks of all blocks follow each other.
  const int64_t count = layout.blocks() * plan.chunks * h.bits;
  const int64_t width = 4 * lanes;
  Value vectors = memref::ReinterpretCastOp::create(
      v.b, MemRefType::get({count, width}, v.b.getI8Type()),
      parameters.packed(), /*offset=*/0, ArrayRef<int64_t>{count, width},
      ArrayRef<int64_t>{width, 1});
  Value first = v.times(
      v.add(v.add(v.times(block, plan.chunks), chunk), distance), h.bits);
  for (int i = 0; i < h.bits; ++i)
    memref::PrefetchOp::create(
        v.b, vectors,
        ValueRange{v.smaller(v.add(first, i), v.index(count - 1)), v.index(0)},
        /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
}

void IntegerLinear::multiplySpan(Value first, Value end, Value count) {
  // The last tile may have fewer rows; what is computed for the others is
  // dropped.
  if (tiles)
    return v.loop(v.index(0), count, amxRows, [&](Value row) {
      multiplyTiles(first, end, row);
      v.loop(v.index(0), v.index(amxRows), 4,
             [&](Value i) { multiplyRows(first, end, v.add(row, i), 4, i); });
    });
  Value done = v.index(0);
  for (int rows = tile.rows; rows > 0; rows /= 2) {
    Value last =
        v.add(done, v.times(v.quotient(v.sub(count, done), rows), rows));
    v.loop(done, last, rows,
           [&](Value row) { multiplyRows(first, end, row, rows); });
    done = last;
  }
}

void IntegerLinear::multiplyRows(Value first, Value end, Value row, int rows,
                                 Value productRow) {
  Values totals;
  auto place = [&](int sum) -> SmallVector<Value> {
    return {v.add(v.times(row, tile.blocks), sum), v.index(0)};
  };
  const int sums = rows * tile.blocks;
  for (int i = 0; i < sums; ++i)
    totals.push_back(v.load(results, place(i)));
  v.loop(first, end, 1, totals, [&](Value segment, Values &carried) {
    multiplySegment(segment, v.sub(segment, first), row, productRow, carried);
  });
  for (int i = 0; i < sums; ++i)
    vector::StoreOp::create(v.b, totals[i], results, place(i));
}

/// Sum i is of row i / blocks and of block i % blocks.
void IntegerLinear::multiplySegment(Value segment, Value local, Value row,
                                    Value productRow, Values &totals) {
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
    if (productRow)
      addProducts(local, productRow, sums);
    else
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
      if (productRow)
        addProducts(unpacked, productRow, sums);
      else
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

//===----------------------------------------------------------------------===//
// Sixteen rows of x by AMX
//===----------------------------------------------------------------------===//

void IntegerLinear::addProducts(Value group, Value productRow, Values &sums) {
  for (size_t i = 0; i < sums.size(); ++i) {
    Value place = v.add(v.times(sideOf(group, i % tile.blocks), amxRows),
                        v.add(productRow, i / tile.blocks));
    sums[i] = v.add(sums[i], v.load(products, {place, v.index(0)}));
  }
}

/// 16 rows of x, `steps` dwords of each, times as many steps of every block.
/// Unpacked codes lie as the instruction wants its right operand: four columns
/// in a dword, one row of W per lane.
void IntegerLinear::multiplyTile(Value row, Value dword, Value step,
                                 int64_t steps, Value group) {
  auto tileOf = [&](int64_t rows, int64_t columns, unsigned bits) {
    return amx::TileType::get({rows, columns}, v.b.getIntegerType(bits));
  };
  Type sumType = tileOf(amxRows, lanes, 32);
  Values sums;
  for (int block = 0; block < tile.blocks; ++block)
    sums.push_back(amx::TileZeroOp::create(v.b, sumType));
  for (int64_t done = 0; done < steps; done += 16) {
    const int64_t some = std::min<int64_t>(16, steps - done);
    Value x = amx::TileLoadOp::create(
        v.b, tileOf(amxRows, 4 * some, 8), activations.bytes(),
        ValueRange{row, v.times(v.add(dword, done), 4)});
    for (int block = 0; block < tile.blocks; ++block) {
      Value codes = amx::TileLoadOp::create(
          v.b, tileOf(some, 4 * lanes, 8), spanBytes,
          ValueRange{v.add(step, done), v.index(4 * lanes * block)});
      sums[block] = amx::TileMulIOp::create(v.b, sumType, x, codes, sums[block],
                                            /*isZextLhs=*/nullptr,
                                            /*isZextRhs=*/v.b.getUnitAttr());
    }
  }
  for (int block = 0; block < tile.blocks; ++block)
    amx::TileStoreOp::create(
        v.b, products,
        ValueRange{v.times(sideOf(group, block), amxRows), v.index(0)},
        sums[block]);
}

void IntegerLinear::multiplyTiles(Value first, Value end, Value row) {
  v.loop(first, end, 1, [&](Value segment) {
    Value local = v.sub(segment, first);
    Value dword = v.times(activations.firstChunk(segment), 8);
    Value step = v.times(local, plan.chunksPerSegment * 8);
    if (!h.hasLevels())
      return multiplyTile(row, dword, step, plan.chunksPerSegment * 8, local);
    const int64_t steps = h.groupSize / 4;
    v.loop(v.index(0), v.index(plan.groupsPerSegment), 1, [&](Value i) {
      Value offset = v.times(i, steps);
      multiplyTile(row, v.add(dword, offset), v.add(step, offset), steps,
                   v.add(v.times(local, plan.groupsPerSegment), i));
    });
  });
}
