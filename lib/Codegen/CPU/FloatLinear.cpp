//===- FloatLinear.cpp - y = x W^T in f32 ---------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// for every block of 16 rows                      (its codes stay in the cache)
//   for every tile of 4 rows of x, then every single row that is left
//     totals = 0
//     for every group
//       partial sums = 0, per row of x and chain of the decode
//       for every column k: partial += decode(k) * broadcast(x[m, k])
//       totals += S * (sum over chains of partial * 2^-r) - M * sum of x
//     store totals to y
//
//===----------------------------------------------------------------------===//
#include "FloatLinear.h"

#include <cmath>

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;
using Minimum = AffineHierarchy::Minimum;

/// Rows of x that share one decode of the weights.
static constexpr int tileRows = 4;
static constexpr int chunkColumns = InterleavedLayout::chunkColumns;

FloatLinear::FloatLinear(ImplicitLocOpBuilder &builder,
                         const LinearKernelSpec &spec, const CpuTarget &target,
                         const KernelArguments &arguments)
    : v(builder, target), unit(v), layout(spec.layout),
      h(spec.layout.hierarchy), arguments(arguments),
      parameters(v, layout, this->arguments),
      minima(h.minimum == Minimum::Half || h.minimum == Minimum::Level) {}

/// Partial sums per row of x: enough to hide the latency of a multiply-add, few
/// enough for the registers.
int FloatLinear::chains(int rows) const {
  if (v.target.isX86() && !v.target.has("avx512f"))
    return rows > 1 ? 1 : 2;
  return 4;
}

void FloatLinear::emit() {
  Value tiled = v.times(v.quotient(arguments.inputRows, tileRows), tileRows);
  v.loop(arguments.firstBlock, arguments.endBlock, 1, [&](Value block) {
    v.loop(v.index(0), tiled, tileRows,
           [&](Value row) { emitTile(block, row, tileRows); });
    v.loop(tiled, arguments.inputRows, 1,
           [&](Value row) { emitTile(block, row, 1); });
  });
}

void FloatLinear::emitTile(Value block, Value row, int rows) {
  Values totals(rows, v.splat(0.0f));
  addRuns(block, row, totals);
  for (int i = 0; i < rows; ++i)
    parameters.storeOutput(v.add(row, i), block, totals[i]);
}

void FloatLinear::addRuns(Value block, Value row, Values &totals) {
  if (h.hasLevels())
    return v.loop(v.index(0), v.index(layout.chunks()), 1, totals,
                  [&](Value chunk, Values &carried) {
                    addChunkOfGroups(block, chunk, row, carried);
                  });
  const int64_t last = layout.groups() - 1;
  const bool shorter = layout.groupColumns(last) != layout.groupColumns(0);
  v.loop(v.index(0), v.index(shorter ? last : last + 1), 1, totals,
         [&](Value group, Values &carried) {
           addGroup(block, group, layout.groupColumns(0), row, carried);
         });
  if (shorter)
    addGroup(block, v.index(last), layout.groupColumns(last), row, totals);
}

FloatLinear::Values FloatLinear::startSums(const DecodePlan &plan, int rows) {
  Values sums(rows * plan.chains, v.splat(0.0f));
  if (minima)
    sums.append(rows,
                Value(arith::ConstantOp::create(v.b, v.b.getF32FloatAttr(0))));
  return sums;
}

FloatLinear::Values FloatLinear::offsetsOf(Value block, Value group,
                                           const DecodePlan &plan) {
  return emitOffsets(v, plan, h,
                     h.minimum == Minimum::ZeroPoint
                         ? parameters.minimum(block, group)
                         : Value());
}

void FloatLinear::addGroup(Value block, Value group, int64_t columns, Value row,
                           Values &totals) {
  const DecodePlan plan(h, chains(totals.size()));
  Values offsets = offsetsOf(block, group, plan);
  Value firstChunk = v.times(group, layout.chunksPerRun());
  Value firstColumn = v.times(group, layout.runColumns());
  Values sums = startSums(plan, totals.size());
  const int64_t full = columns / chunkColumns;
  if (full > 0)
    v.loop(v.index(0), v.index(full), 1, sums,
           [&](Value chunk, Values &carried) {
             addColumns(block, v.add(firstChunk, chunk),
                        v.add(firstColumn, v.times(chunk, chunkColumns)), 0,
                        chunkColumns, row, offsets, plan, carried);
           });
  if (int tail = columns % chunkColumns)
    addColumns(block, v.add(firstChunk, full),
               v.add(firstColumn, full * chunkColumns), 0, tail, row, offsets,
               plan, sums);
  finish(block, group, plan, sums, totals);
}

void FloatLinear::addChunkOfGroups(Value block, Value chunk, Value row,
                                   Values &totals) {
  const DecodePlan plan(h, chains(totals.size()));
  const int columns = int(h.groupSize), groups = chunkColumns / columns;
  for (int i = 0; i < groups; ++i) {
    Value group = v.add(v.times(chunk, groups), i);
    Values sums = startSums(plan, totals.size());
    addColumns(block, chunk, v.times(chunk, chunkColumns), i * columns,
               (i + 1) * columns, row, offsetsOf(block, group, plan), plan,
               sums);
    finish(block, group, plan, sums, totals);
  }
}

void FloatLinear::addColumns(Value block, Value chunk, Value firstColumn,
                             int begin, int end, Value row,
                             ArrayRef<Value> offsets, const DecodePlan &plan,
                             Values &sums) {
  ChunkCodes codes(v, unit, h, parameters.packed(), block, chunk);
  ChunkDecoder decoder(v, plan, codes, offsets);
  const int rows = sums.size() / (plan.chains + (minima ? 1 : 0));
  for (int column = begin; column < end; ++column) {
    Value weights = decoder.column(column);
    Value k = v.add(firstColumn, column);
    for (int i = 0; i < rows; ++i) {
      Value x = memref::LoadOp::create(v.b, arguments.input,
                                       ValueRange{v.add(row, i), k});
      Value &partial = sums[i * plan.chains + plan.chain(column)];
      partial = v.fma(weights, v.broadcast(x), partial);
      if (!minima)
        continue;
      Value &sum = sums[rows * plan.chains + i];
      sum = arith::AddFOp::create(v.b, sum, x);
    }
  }
}

void FloatLinear::finish(Value block, Value group, const DecodePlan &plan,
                         ArrayRef<Value> sums, Values &totals) {
  Value scale = parameters.scale(block, group);
  Value minimum = minima ? parameters.minimum(block, group) : Value();
  if (h.hasLevels()) {
    Value super = v.quotient(group, h.superSize / h.groupSize);
    scale = v.mulF(scale, parameters.superScale(block, super));
    if (minimum)
      minimum = v.negF(
          v.mulF(v.toFloat(minimum), parameters.superMinimum(block, super)));
  }
  const int rows = totals.size();
  for (int i = 0; i < rows; ++i) {
    Value sum = sums[i * plan.chains];
    for (int chain = 1; chain < plan.chains; ++chain)
      sum = v.fma(sums[i * plan.chains + chain],
                  v.splat(std::ldexp(1.0f, -plan.exponent(chain))), sum);
    totals[i] = v.fma(scale, sum, totals[i]);
    if (minimum)
      totals[i] =
          v.fma(minimum, v.broadcast(sums[rows * plan.chains + i]), totals[i]);
  }
}
