//===- StreamingKernel.cpp - few rows of x, at the speed of memory --------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   block   tiles of 16 outputs blockIdx, blockIdx + gridDim, …: as many blocks
//           as are resident, so that none starts late
//   warp w  chunks w, w + warps, … of 128 columns of a tile
//           through a queue of its own: copies of the next chunks, of this tile
//           or the next, are always on their way
//   x       all M rows in shared memory, read by ldmatrix
//
// Partial sums of the warps meet in shared memory after each tile and are added
// in the order of the warps, so a result never depends on timing. There are two
// places for them in turn: one barrier per tile is enough.
//
// Where kernels may overlap, the queue is filled before the kernel before this
// one has ended: weights do not depend on it.
//
//   shared  [queue of each warp][sums 2 x warps x 128][x: M rows]
//
//===----------------------------------------------------------------------===//
#include "KernelFunction.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

static constexpr int64_t sumBytes = 128 * 4; // of a warp: 16 outputs, 8 rows

namespace {
class StreamingKernel {
public:
  StreamingKernel(KernelBuilder &b, const LinearSpec &spec,
                  const KernelPlan &plan, const KernelFrame &frame)
      : b(b), spec(spec), shape(std::get<StreamingShape>(plan.shape)),
        overlap(plan.launch.overlap), frame(frame),
        weights(b, spec, frame.weight, frame.lane),
        product(b, spec, weights, false) {}
  void build();

  /// Rounds of chunks over the warps that a tile takes.
  static int64_t rounds(const LinearSpec &spec, const StreamingShape &shape) {
    return (spec.chunks() + shape.warps - 1) / shape.warps;
  }
  /// Bytes from a row of x to the next: 16 more than whole 128, so that eight
  /// rows lie in different banks.
  static int64_t pitch(const LinearSpec &spec, const StreamingShape &shape) {
    return rounds(spec, shape) * shape.warps * MmaLayout::chunkColumns * 2 + 16;
  }

private:
  /// The place of a chunk in the warp's sequence.
  struct Position {
    Value tile, round, slot;
  };
  Position next(const Position &position);
  void copy(const Position &position);
  void loadInput();
  void addChunk(const Position &position, Sums &sums);
  void storeSums(Value buffer, const Sums &sums);
  void reduce(Value buffer, Value tile);

  Value slotAddress(Value slot) {
    return b.add(queue, b.mul(slot, WeightStream::slotBytes(spec)));
  }
  Value chunkOf(Value round) {
    return b.add(b.mul(round, shape.warps), frame.warp);
  }

  KernelBuilder &b;
  const LinearSpec &spec;
  const StreamingShape &shape;
  bool overlap;
  const KernelFrame &frame;
  WeightStream weights;
  ChunkProduct product;
  Value queue, sumsPlace, x, xOfLane; // in shared memory
  Value tileStep;
};
} // namespace

SharedBytes qopt::nvptx::sharedBytes(const LinearSpec &spec,
                                     const StreamingShape &shape) {
  return {shape.warps *
              (shape.queue * WeightStream::slotBytes(spec) + 2 * sumBytes),
          StreamingKernel::pitch(spec, shape)};
}

StreamingKernel::Position StreamingKernel::next(const Position &position) {
  int64_t count = rounds(spec, shape);
  Value slot =
      arith::AndIOp::create(b, b.add(position.slot, 1), b.i32(shape.queue - 1));
  Value tile = b.add(position.tile, tileStep);
  if (count == 1)
    return {tile, position.round, slot};
  Value round = b.add(position.round, 1);
  Value inside = b.less(round, count);
  return {b.select(inside, position.tile, tile),
          b.select(inside, round, b.i32(0)), slot};
}

void StreamingKernel::copy(const Position &position) {
  Value present = b.less(position.tile, spec.tiles());
  Value chunk = chunkOf(position.round);
  if (spec.chunks() % shape.warps != 0)
    present = b.both(present, b.less(chunk, spec.chunks()));
  weights.copy(slotAddress(position.slot), position.tile, chunk, present);
  b.commitCopies();
}

/// All rows of x, zeros past the last column.
void StreamingKernel::loadInput() {
  int64_t rowBytes = pitch(spec, shape) - 16, pieces = rowBytes / 16;
  b.loop(frame.thread, b.mul(frame.inputRows, pieces), b.i32(32 * shape.warps),
         [&](Value index) {
           Value row = b.div(index, pieces), piece = b.rem(index, pieces);
           Value inside = b.less(piece, spec.columns() / 8);
           Value source =
               b.advance(b.advance(frame.input, row, spec.columns() * 2),
                         b.select(inside, piece, b.i32(0)), 16);
           Value words = b.load(b.words(), source, 16);
           Value none = arith::ConstantOp::create(b, b.getZeroAttr(b.words()));
           words = b.select(inside, words, none);
           Value target =
               b.add(b.add(x, b.mul(row, rowBytes + 16)), b.mul(piece, 16));
           b.storeShared(words, target, 16);
         });
}

void StreamingKernel::addChunk(const Position &position, Sums &sums) {
  Value columns = b.add(
      xOfLane, b.mul(chunkOf(position.round), MmaLayout::chunkColumns * 2));
  // Four matrices are the fragments of two steps.
  std::array<Value, 4> matrices;
  product.add(
      slotAddress(position.slot),
      [&](int64_t step) {
        if (step % 2 == 0)
          matrices = loadMatrices(b, b.add(columns, 32 * step));
        int64_t first = step % 2 * 2;
        return SmallVector<InputFragment>{
            {matrices[first], matrices[first + 1]}};
      },
      sums);
}

/// Sum i of lane l at 32 i + l: a warp always touches 32 different banks.
void StreamingKernel::storeSums(Value buffer, const Sums &sums) {
  Value target =
      b.add(b.add(buffer, b.mul(frame.warp, sumBytes)), b.mul(frame.lane, 4));
  for (int64_t i = 0; i < 4; ++i)
    b.storeShared(sums[i], b.add(target, i * 128), 4);
}

void StreamingKernel::reduce(Value buffer, Value tile) {
  b.loop(frame.thread, b.i32(128), b.i32(32 * shape.warps), [&](Value index) {
    Value i = b.div(index, 32), lane = b.rem(index, 32);
    Value row = b.add(b.mul(b.rem(lane, 4), 2), b.rem(i, 2));
    Value column = b.add(b.mul(tile, MmaLayout::tileRows),
                         b.add(b.mul(b.div(i, 2), 8), b.div(lane, 4)));
    Value inside = b.less(row, frame.inputRows);
    if (spec.rows() % MmaLayout::tileRows != 0)
      inside = b.both(inside, b.less(column, spec.rows()));
    b.when(inside, [&] {
      Value source = b.add(buffer, b.mul(index, 4));
      Value sum = b.loadShared(b.getF32Type(), source, 4);
      for (int64_t w = 1; w < shape.warps; ++w)
        sum = arith::AddFOp::create(
            b, sum,
            b.loadShared(b.getF32Type(), b.add(source, w * sumBytes), 4));
      Value narrow = arith::TruncFOp::create(
          b, weights.decode.pairType().getElementType(), sum);
      Value target = b.advance(frame.output, row, spec.rows() * 2);
      b.store(narrow, b.advance(target, column, 2), 2);
    });
  });
}

void StreamingKernel::build() {
  int64_t slotBytes = WeightStream::slotBytes(spec);
  int64_t queueBytes = shape.queue * slotBytes;
  queue = b.add(frame.shared, b.mul(frame.warp, queueBytes));
  sumsPlace = b.add(frame.shared, shape.warps * queueBytes);
  x = b.add(sumsPlace, 2 * shape.warps * sumBytes);
  tileStep = b.blocks(gpu::Dimension::x);
  // Lane l gives the address of row l % 8 of matrix l / 8. Rows that x does not
  // have repeat the last one, and what comes of them is not stored.
  Value row = b.min(b.rem(frame.lane, 8), b.add(frame.inputRows, -1));
  xOfLane = b.add(b.add(x, b.mul(row, pitch(spec, shape))),
                  b.mul(b.div(frame.lane, 8), 16));

  Value firstTile = b.block(gpu::Dimension::x);
  Position ahead = {firstTile, b.i32(0), b.i32(0)};
  if (overlap)
    allowOverlap(b);
  for (int64_t i = 0; i + 1 < shape.queue; ++i) {
    copy(ahead);
    ahead = next(ahead);
  }
  if (overlap)
    waitForPrevious(b);
  loadInput();
  b.barrier();

  KernelBuilder::Values carried = {ahead.tile, ahead.round, ahead.slot,
                                   b.i32(0), sumsPlace};
  b.loop(firstTile, b.i32(spec.tiles()), tileStep, carried,
         [&](Value tile, KernelBuilder::Values &carried) {
           KernelBuilder::Values inner(carried.begin(), carried.end() - 1);
           inner.append(product.zeros(1, 1));
           b.loop(b.i32(0), b.i32(rounds(spec, shape)), b.i32(1), inner,
                  [&](Value round, KernelBuilder::Values &inner) {
                    Position ahead = {inner[0], inner[1], inner[2]};
                    Position now = {tile, round, inner[3]};
                    b.waitForCopies(shape.queue - 2);
                    b.barrierOfWarp();
                    copy(ahead); // into the slot before `now`
                    Sums sums(inner.begin() + 4, inner.end());
                    addChunk(now, sums);
                    Position following = next(ahead);
                    inner = {following.tile, following.round, following.slot,
                             next(now).slot};
                    inner.append(sums);
                  });
           Value buffer = carried.back();
           storeSums(buffer, Sums(inner.begin() + 4, inner.end()));
           b.barrier();
           reduce(buffer, tile);
           // The other one of two buffers.
           Value other = arith::SubIOp::create(
               b, b.add(b.add(sumsPlace, sumsPlace), shape.warps * sumBytes),
               buffer);
           carried.assign(inner.begin(), inner.begin() + 4);
           carried.push_back(other);
         });
  b.waitForCopies(0);
}

void qopt::nvptx::buildStreamingKernel(KernelBuilder &b, const LinearSpec &spec,
                                       const KernelPlan &plan,
                                       const KernelFrame &frame) {
  StreamingKernel(b, spec, plan, frame).build();
}
