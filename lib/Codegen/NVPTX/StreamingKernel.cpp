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
//   x       those columns of all M rows, in shared memory for the tiles that
//           follow, read by ldmatrix; they come with the first tile's weights
//
// A row of x that is too long for shared memory is cut into segments. Then a
// block goes through a batch of tiles for one segment after the other, and the
// sums of the tiles meanwhile lie in shared memory. The columns of the next
// segment replace those of the last one chunk by chunk, as the queue moves on:
// a segment has at least as many rounds as the queue has slots, so that the
// chunk that is replaced has been used.
//
// Partial sums of the warps meet in shared memory after each tile and are added
// in the order of the warps, so a result never depends on timing. There are two
// places for them in turn: one barrier per tile is enough, and there is no
// other: a warp reads only what it has copied.
//
// Where kernels may overlap, the queue is filled before the kernel before this
// one has ended: weights do not depend on it, x does. x is never read by
// ld.global.nc, whose data must not change during the whole of the kernel.
//
//   shared  [queue of each warp][sums of a batch][2 x sums of warps][x: M rows]
//
//===----------------------------------------------------------------------===//
#include "KernelFunction.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

static constexpr int64_t tileSums = 128 * 4; // bytes: 16 outputs, 8 rows
static constexpr int64_t pairSums = 32 * 4;  // of two rows of x
static constexpr int64_t chunkBytes = MmaLayout::chunkColumns * 2; // of x
/// Tiles of a block that use a segment of x before the next one comes.
static constexpr int64_t batchTiles = 8;

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

  /// Bytes from a row of x to the next: 16 more than whole 128, so that eight
  /// rows lie in different banks.
  static int64_t pitch(const StreamingShape &shape) {
    return shape.rounds * shape.warps * chunkBytes + 16;
  }

private:
  /// The place of a chunk in the warp's sequence: a round of a segment, which
  /// begins with round `first`, for a tile of the batch that begins with tile
  /// `base`.
  struct Position {
    Value tile, round, first, base;
    KernelBuilder::Values values() const { return {tile, round, first, base}; }
  };
  Position next(const Position &position);
  void copyWeights(const Position &position, Value slot);
  void copyInput(const Position &position);
  void copy(const Position &position, Value slot);
  void addChunk(Value round, Value slot, Sums &sums);
  void storeSums(Value buffer, const Sums &sums);
  /// body(i) for each sum i of a tile, always by the same thread.
  void forSums(llvm::function_ref<void(Value)> body);
  void reduce(Value buffer, Value tile, Value first, Value total);
  void clearTotals();
  /// Of the tiles from `base` on, the segment that begins with round `first`.
  void addSegment(Value base, Value end, Value first,
                  KernelBuilder::Values &carried);

  int64_t allRounds() const { return shape.rounds * shape.segments; }
  bool whole() const { return shape.segments == 1; } // rows of x
  Value slotAfter(Value slot) {
    return arith::AndIOp::create(b, b.add(slot, 1), b.i32(shape.queue - 1));
  }
  Value slotAddress(Value slot) {
    return b.add(queue, b.mul(slot, WeightStream::slotBytes(spec)));
  }
  Value chunkOf(const Position &position) {
    return b.add(b.mul(b.add(position.first, position.round), shape.warps),
                 frame.warp);
  }
  /// Bytes from the start of a row of x in shared memory.
  Value columnsOf(Value round) {
    return b.mul(b.add(b.mul(round, shape.warps), frame.warp), chunkBytes);
  }
  Value endOfBatch(Value base) {
    return b.min(b.add(base, batchStep), b.i32(spec.tiles()));
  }

  KernelBuilder &b;
  const LinearSpec &spec;
  const StreamingShape &shape;
  bool overlap;
  const KernelFrame &frame;
  WeightStream weights;
  ChunkProduct product;
  Value queue, totals, sumsPlace, sumsBytes, x, xOfLane; // in shared memory
  Value pairs;                                           // of rows of x
  Value tileStep, batchStep;
};
} // namespace

SharedBytes qopt::nvptx::sharedBytes(const LinearSpec &spec,
                                     const StreamingShape &shape) {
  int64_t queues = shape.warps * shape.queue * WeightStream::slotBytes(spec);
  int64_t totals = shape.segments > 1 ? batchTiles * tileSums : 0;
  // Two places for sums of ceil(M / 2) pairs of rows of each warp.
  return {queues + totals + shape.warps * pairSums,
          shape.warps * pairSums + StreamingKernel::pitch(shape)};
}

StreamingKernel::Position StreamingKernel::next(const Position &position) {
  // The first chunk after this segment of this tile.
  Position after = position;
  after.tile = b.add(position.tile, tileStep);
  after.round = b.i32(0);
  if (!whole()) {
    Value inBatch = b.less(after.tile, endOfBatch(position.base));
    Value first = b.add(position.first, shape.rounds);
    Value inRow = b.less(first, allRounds());
    Value base =
        b.select(inRow, position.base, b.add(position.base, batchStep));
    after.tile = b.select(inBatch, after.tile, base);
    after.first =
        b.select(inBatch, position.first, b.select(inRow, first, b.i32(0)));
    after.base = b.select(inBatch, position.base, base);
  }
  if (shape.rounds == 1)
    return after;
  Value round = b.add(position.round, 1);
  Value inside = b.less(round, shape.rounds);
  after.round = b.select(inside, round, after.round);
  after.tile = b.select(inside, position.tile, after.tile);
  if (!whole()) {
    after.first = b.select(inside, position.first, after.first);
    after.base = b.select(inside, position.base, after.base);
  }
  return after;
}

void StreamingKernel::copyWeights(const Position &position, Value slot) {
  Value present = b.less(position.tile, spec.tiles());
  Value chunk = chunkOf(position);
  if (allRounds() * shape.warps != spec.chunks())
    present = b.both(present, b.less(chunk, spec.chunks()));
  weights.copy(slotAddress(slot), position.tile, chunk, present);
}

/// The chunk's columns of all rows of x, zeros past the last column: 16 bytes
/// per lane, two rows at a time.
void StreamingKernel::copyInput(const Position &position) {
  constexpr int64_t pieces = chunkBytes / 16;
  // What follows from the lane would be kept in registers for a branch that is
  // rarely taken.
  Value lane = b.opaque(frame.lane);
  Value piece = b.rem(lane, pieces);
  Value column = b.add(b.mul(chunkOf(position), pieces), piece);
  Value inside;
  if (allRounds() * shape.warps * MmaLayout::chunkColumns != spec.columns()) {
    inside = b.less(column, spec.columns() / 8);
    column = b.select(inside, column, b.i32(0));
  }
  constexpr int64_t rowsAtOnce = 32 / pieces;
  Value first = b.div(lane, pieces);
  Value source =
      b.advance(b.advance(frame.input, column, 16), first, spec.columns() * 2);
  Value target = b.add(b.add(x, columnsOf(position.round)),
                       b.add(b.mul(piece, 16), b.mul(first, pitch(shape))));
  for (int64_t row = 0; row < 8; row += rowsAtOnce)
    b.when(b.less(b.add(first, row), frame.inputRows), [&] {
      b.copyAsync(b.add(target, row * pitch(shape)),
                  b.advance(source, b.i32(row), spec.columns() * 2), 16,
                  inside);
    });
}

/// x belongs to the first tile's chunks.
void StreamingKernel::copy(const Position &position, Value slot) {
  copyWeights(position, slot);
  Value brings = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                       position.tile, position.base);
  if (!whole())
    brings = b.both(brings, b.less(position.tile, spec.tiles()));
  b.when(brings, [&] { copyInput(position); });
  b.commitCopies();
}

void StreamingKernel::addChunk(Value round, Value slot, Sums &sums) {
  Value columns = b.add(xOfLane, columnsOf(round));
  // Four matrices are the fragments of two steps.
  std::array<Value, 4> matrices;
  product.add(
      slotAddress(slot),
      [&](int64_t step) {
        if (step % 2 == 0)
          matrices = loadMatrices(b, b.add(columns, 32 * step));
        int64_t first = step % 2 * 2;
        return SmallVector<InputFragment>{
            {matrices[first], matrices[first + 1]}};
      },
      sums);
}

/// Sum i of lane 4 g + t belongs to row 2 t + i % 2 and output g + 8 (i / 2).
/// It is number 8 (i ^ t) + g of pair t: a warp always touches 32 different
/// banks. What belongs to rows that x does not have stays behind.
void StreamingKernel::storeSums(Value buffer, const Sums &sums) {
  Value t = b.rem(frame.lane, 4), g = b.div(frame.lane, 4);
  Value target = b.add(b.add(buffer, b.mul(t, shape.warps * pairSums)),
                       b.add(b.mul(frame.warp, pairSums), b.mul(g, 4)));
  b.when(b.less(t, pairs), [&] {
    for (int64_t i = 0; i < 4; ++i)
      b.storeShared(sums[i], b.add(target, b.mul(b.bitXor(t, i), 32)), 4);
  });
}

void StreamingKernel::forSums(llvm::function_ref<void(Value)> body) {
  Value end = b.mul(pairs, 32);
  if (32 * shape.warps >= 128)
    b.when(b.less(frame.thread, end), [&] { body(frame.thread); });
  else
    b.loop(frame.thread, end, b.i32(32 * shape.warps), body);
}

/// Adds the sums of the warps, to `total` if x has several segments, and writes
/// y after the last one.
void StreamingKernel::reduce(Value buffer, Value tile, Value first,
                             Value total) {
  forSums([&](Value index) {
    Value t = b.div(index, 32), number = b.rem(index, 32);
    Value i = b.bitXor(b.div(number, 8), t), g = b.rem(number, 8);
    Value row = b.add(b.mul(t, 2), b.rem(i, 2));
    Value column = b.add(b.mul(tile, MmaLayout::tileRows),
                         b.add(b.mul(b.div(i, 2), 8), g));
    Value source = b.add(b.add(buffer, b.mul(t, shape.warps * pairSums)),
                         b.mul(number, 4));
    auto load = [&](Value address) {
      return b.loadShared(b.getF32Type(), address, 4);
    };
    Value sum = load(source);
    for (int64_t w = 1; w < shape.warps; ++w)
      sum = arith::AddFOp::create(b, sum, load(b.add(source, w * pairSums)));
    Value inside = b.less(row, frame.inputRows);
    if (spec.rows() % MmaLayout::tileRows != 0)
      inside = b.both(inside, b.less(column, spec.rows()));
    if (!whole()) {
      Value place = b.add(total, b.mul(index, 4));
      sum = arith::AddFOp::create(b, load(place), sum);
      Value finished = b.less(b.i32(allRounds() - shape.rounds - 1), first);
      // Nothing is left for the next batch.
      b.storeShared(b.select(finished, b.f32(0), sum), place, 4);
      inside = b.both(inside, finished);
    }
    b.when(inside, [&] {
      Value narrow = arith::TruncFOp::create(
          b, weights.decode.pairType().getElementType(), sum);
      Value target = b.advance(frame.output, row, spec.rows() * 2);
      b.store(narrow, b.advance(target, column, 2), 2);
    });
  });
}

void StreamingKernel::clearTotals() {
  forSums([&](Value index) {
    for (int64_t tile = 0; tile < batchTiles; ++tile)
      b.storeShared(b.f32(0),
                    b.add(b.add(totals, tile * tileSums), b.mul(index, 4)), 4);
  });
}

void StreamingKernel::addSegment(Value base, Value end, Value first,
                                 KernelBuilder::Values &carried) {
  // carried: the position ahead, its slot, the buffer for sums;
  // and here the place of the tile's totals.
  carried.push_back(totals);
  b.loop(base, end, tileStep, carried,
         [&](Value tile, KernelBuilder::Values &carried) {
           KernelBuilder::Values inner(carried.begin(), carried.begin() + 5);
           inner.append(product.zeros(1, 1));
           // No compiler may see that there is but one round: behind a loop
           // fewer registers are in use at a time.
           Value rounds = b.i32(shape.rounds);
           if (shape.rounds == 1)
             rounds = b.min(rounds, frame.inputRows);
           b.loop(b.i32(0), rounds, b.i32(1), inner,
                  [&](Value round, KernelBuilder::Values &inner) {
                    Position ahead = {inner[0], inner[1], inner[2], inner[3]};
                    // Ahead goes into the slot before this one, and the next
                    // ahead into this one.
                    Value free = inner[4], slot = slotAfter(free);
                    b.waitForCopies(shape.queue - 2);
                    b.barrierOfWarp();
                    copy(ahead, free);
                    Sums sums(inner.begin() + 5, inner.end());
                    addChunk(round, slot, sums);
                    inner = next(ahead).values();
                    inner.push_back(slot);
                    inner.append(sums);
                  });
           Value buffer = carried[5], total = carried[6];
           storeSums(buffer, Sums(inner.begin() + 5, inner.end()));
           b.barrier();
           reduce(buffer, tile, first, total);
           carried.assign(inner.begin(), inner.begin() + 5);
           // The other one of two buffers.
           carried.push_back(arith::SubIOp::create(
               b, b.add(b.add(sumsPlace, sumsPlace), sumsBytes), buffer));
           carried.push_back(b.add(total, tileSums));
         });
  carried.pop_back();
}

void StreamingKernel::build() {
  int64_t queueBytes = shape.queue * WeightStream::slotBytes(spec);
  queue = b.add(frame.shared, b.mul(frame.warp, queueBytes));
  totals = b.add(frame.shared, shape.warps * queueBytes);
  sumsPlace = whole() ? totals : b.add(totals, batchTiles * tileSums);
  pairs = b.div(b.add(frame.inputRows, 1), 2);
  sumsBytes = b.mul(pairs, shape.warps * pairSums);
  x = b.add(sumsPlace, b.mul(sumsBytes, 2));
  tileStep = b.blocks(gpu::Dimension::x);
  batchStep = b.mul(tileStep, batchTiles);
  // Lane l gives the address of row l % 8 of matrix l / 8. Rows that x does not
  // have repeat the last one, and what comes of them is not stored.
  Value row = b.min(b.rem(frame.lane, 8), b.add(frame.inputRows, -1));
  xOfLane = b.add(b.add(x, b.mul(row, pitch(shape))),
                  b.mul(b.div(frame.lane, 8), 16));

  Value firstTile = b.block(gpu::Dimension::x), zero = b.i32(0);
  Position ahead = {firstTile, zero, zero, firstTile};
  SmallVector<Position> filled; // the queue
  if (overlap)
    allowOverlap(b);
  // Copies complete in the order of their commits, so what waits for x waits
  // for the weights before it.
  auto bring = [&](int64_t index) {
    if (index < shape.rounds) // of the first tile
      copyInput(filled[index]);
    b.commitCopies();
  };
  for (int64_t i = 0; i + 1 < shape.queue; ++i) {
    filled.push_back(ahead);
    copyWeights(ahead, b.i32(i));
    if (!overlap)
      bring(i);
    ahead = next(ahead);
  }
  if (overlap) {
    waitForPrevious(b);
    for (int64_t i = 0; i + 1 < shape.queue; ++i)
      bring(i);
  }

  KernelBuilder::Values carried = ahead.values();
  carried.append({b.i32(shape.queue - 1), sumsPlace});
  Value tiles = b.i32(spec.tiles());
  if (whole()) {
    addSegment(firstTile, tiles, zero, carried);
  } else {
    clearTotals();
    b.loop(firstTile, tiles, batchStep, carried,
           [&](Value base, KernelBuilder::Values &carried) {
             b.loop(zero, b.i32(allRounds()), b.i32(shape.rounds), carried,
                    [&](Value first, KernelBuilder::Values &carried) {
                      addSegment(base, endOfBatch(base), first, carried);
                    });
           });
  }
  b.waitForCopies(0);
}

void qopt::nvptx::buildStreamingKernel(KernelBuilder &b, const LinearSpec &spec,
                                       const KernelPlan &plan,
                                       const KernelFrame &frame) {
  StreamingKernel(b, spec, plan, frame).build();
}
