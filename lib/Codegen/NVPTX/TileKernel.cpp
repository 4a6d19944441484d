//===- TileKernel.cpp - tiles of y, for any number of rows ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   block   16 · tilesPerWarp · warpsOfN outputs by inputRows rows of x;
//           blockIdx.x along the outputs, blockIdx.y strides over rows of x
//   warp    tilesPerWarp tiles of 16 outputs by all rows; no other warp decodes
//           the same weights. Warps with the same outputs have a chunk of 128
//           columns each in a stage, or two share one, 64 for each: then a
//           stage takes half of the memory
//   stage   the chunks of all warps, and as many columns of x: copied several
//           stages ahead, one barrier per stage
//   end     f32 sums meet in shared memory, are added in the order of the warps
//           and leave as 16-byte stores
//   stripes or all blocks share all tiles equally (Stripes.h)
//
// A stage of x is [chunks][inputRows][128 columns]; the 16-byte piece p of a
// row lies at p ^ (row mod 8), so that the eight rows of a matrix that ldmatrix
// reads are in different banks.
//
//===----------------------------------------------------------------------===//
#include "OutputTile.h"
#include "Stripes.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

static constexpr int64_t rowBytes = MmaLayout::chunkColumns * 2;
static constexpr int64_t piecesPerRow = rowBytes / 16;

namespace {
class TileKernel {
public:
  TileKernel(KernelBuilder &b, const LinearSpec &spec, const KernelPlan &plan,
             const KernelFrame &frame)
      : b(b), spec(spec), shape(std::get<TileShape>(plan.shape)), plan(plan),
        frame(frame), warpOfN(b.rem(frame.warp, shape.warpsOfN)),
        warpOfK(b.div(frame.warp, shape.warpsOfN)),
        chunkOfStage(b.div(warpOfK, shape.warpsPerChunk)),
        half(shape.warpsPerChunk > 1 ? b.rem(warpOfK, shape.warpsPerChunk)
                                     : Value()),
        weights(b, spec, frame.weight, frame.lane, half),
        product(b, spec, weights, shape.scaleWeights) {}
  void build();

  static int64_t weightBytes(const LinearSpec &spec, const TileShape &shape) {
    return shape.chunks() * shape.warpsOfN * shape.tilesPerWarp *
           WeightStream::slotBytes(spec);
  }
  static int64_t stageBytes(const LinearSpec &spec, const TileShape &shape) {
    return weightBytes(spec, shape) +
           shape.chunks() * shape.inputRows * rowBytes;
  }

private:
  using Part = Stripes::Part;
  /// The sums of a part of a tile, in shared memory.
  OutputTile sumsOf(const Part &part, Value firstRow);
  void buildStripe(Value firstRow);
  void copyStage(const Part &part, Value stage, Value firstRow);
  void copyInput(Value address, Value stage, Value firstRow);
  void addStage(Value address, Sums &sums);

  int64_t stages() const { return divideUp(spec.chunks(), shape.chunks()); }
  int64_t threads() const { return 32 * shape.warps(); }
  Value chunkOf(Value stage) {
    return b.add(b.mul(stage, shape.chunks()), chunkOfStage);
  }
  Value stageAddress(Value stage) {
    return b.add(frame.shared,
                 b.mul(b.rem(stage, shape.stages), stageBytes(spec, shape)));
  }
  Value slotOf(Value stageAddress, int64_t tile) {
    int64_t slot = WeightStream::slotBytes(spec);
    Value index = frame.warp;
    if (half)
      index = b.add(b.mul(chunkOfStage, shape.warpsOfN), warpOfN);
    return b.add(b.add(stageAddress, b.mul(index, shape.tilesPerWarp * slot)),
                 tile * slot);
  }

  /// Two warps that share chunks copy them in turn.
  Value isCopiedHere(int64_t tile) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, half,
                                 b.i32(tile % shape.warpsPerChunk));
  }

  KernelBuilder &b;
  const LinearSpec &spec;
  const TileShape &shape;
  const KernelPlan &plan;
  const KernelFrame &frame;
  // Of this warp.
  Value warpOfN, warpOfK, chunkOfStage;
  Value half; // of its chunk; null: all
  WeightStream weights;
  ChunkProduct product;
  Value firstTile;
  Value matrixRow, matrixSwizzle; // of this lane's address for ldmatrix
};
} // namespace

SharedBytes qopt::nvptx::sharedBytes(const LinearSpec &spec,
                                     const TileShape &shape) {
  int64_t sums =
      OutputTile::bytes(shape.warpsOfK, shape.inputRows, shape.outputs());
  return {std::max(sums, shape.stages * TileKernel::stageBytes(spec, shape)),
          0};
}

/// Rows past the last one repeat it, and what comes of them is not stored;
/// columns past the last one are zeros.
void TileKernel::copyInput(Value address, Value stage, Value firstRow) {
  int64_t pieces = shape.chunks() * shape.inputRows * piecesPerRow;
  Value last = b.add(frame.inputRows, -1);
  for (int64_t first = 0; first < pieces; first += threads()) {
    Value index = b.add(frame.thread, first);
    auto copy = [&] {
      Value piece = b.rem(index, piecesPerRow);
      Value line = b.div(index, piecesPerRow);
      Value row = b.rem(line, shape.inputRows);
      Value chunk =
          b.add(b.mul(stage, shape.chunks()), b.div(line, shape.inputRows));
      Value pieceOfRow = b.add(b.mul(chunk, piecesPerRow), piece);
      Value inside = b.less(pieceOfRow, spec.columns() / 8);
      Value source = b.advance(frame.input, b.min(b.add(firstRow, row), last),
                               spec.columns() * 2);
      Value swizzled = b.bitXor(piece, b.rem(row, 8));
      b.copyAsync(
          b.add(b.add(address, b.mul(line, rowBytes)), b.mul(swizzled, 16)),
          b.advance(source, pieceOfRow, 16), 16, inside);
    };
    if (first + threads() <= pieces)
      copy();
    else
      b.when(b.less(index, pieces), copy);
  }
}

void TileKernel::copyStage(const Part &part, Value stage, Value firstRow) {
  Value address = stageAddress(stage);
  b.when(b.less(stage, part.end), [&] {
    Value chunk = chunkOf(stage);
    for (int64_t i = 0; i < shape.tilesPerWarp; ++i) {
      Value tile = b.add(firstTile, i);
      Value present = b.less(tile, spec.weight.tilesOfRows());
      if (spec.chunks() % shape.chunks() != 0)
        present = b.both(present, b.less(chunk, spec.chunks()));
      auto copy = [&] {
        weights.copy(slotOf(address, i), tile, chunk, present);
      };
      if (half)
        b.when(isCopiedHere(i), copy);
      else
        copy();
    }
    copyInput(b.add(address, weightBytes(spec, shape)), stage, firstRow);
  });
  b.commitCopies();
}

void TileKernel::addStage(Value address, Sums &sums) {
  SmallVector<Value> slots;
  for (int64_t i = 0; i < shape.tilesPerWarp; ++i)
    slots.push_back(slotOf(address, i));
  Value rows = b.add(b.add(b.add(address, weightBytes(spec, shape)),
                           b.mul(chunkOfStage, shape.inputRows * rowBytes)),
                     matrixRow);
  if (half)
    rows = b.add(rows, b.mul(half, rowBytes / 2));
  product.add(
      slots,
      [&](int64_t step) {
        // Of two blocks of 8 rows of x, both halves of the 16 columns.
        SmallVector<InputFragment> result;
        Value place = b.add(rows, b.bitXor(matrixSwizzle, step * 32));
        for (int64_t block = 0; block < shape.inputRows / 8; block += 2) {
          std::array<Value, 4> matrices =
              loadMatrices(b, b.add(place, block * 8 * rowBytes));
          result.push_back({matrices[0], matrices[1]});
          result.push_back({matrices[2], matrices[3]});
        }
        return result;
      },
      sums);
}

OutputTile TileKernel::sumsOf(const Part &part, Value firstRow) {
  firstTile = b.mul(b.add(b.mul(part.tile, shape.warpsOfN), warpOfN),
                    shape.tilesPerWarp);
  b.barrier(); // the sums of the part before are read
  for (int64_t stage = 0; stage + 1 < shape.stages; ++stage)
    copyStage(part, b.add(part.begin, stage), firstRow);
  Sums sums = product.zeros(shape.tilesPerWarp, shape.inputRows / 8);
  b.loop(part.begin, part.end, b.i32(1), sums, [&](Value stage, Sums &sums) {
    b.waitForCopies(shape.stages - 2);
    // Everybody's copies of this stage are there, and nobody reads the
    // stage before it any more, which the next copies overwrite.
    b.barrier();
    copyStage(part, b.add(stage, shape.stages - 1), firstRow);
    addStage(stageAddress(stage), sums);
  });
  b.waitForCopies(0);
  b.barrier();
  OutputTile output(b, spec, frame, shape.warpsOfK, shape.inputRows,
                    shape.outputs());
  output.put(warpOfK, b.mul(warpOfN, MmaLayout::tileRows * shape.tilesPerWarp),
             sums);
  b.barrier();
  return output;
}

void TileKernel::buildStripe(Value firstRow) {
  Stripes stripes(b, b.i32(shape.tilesOf(spec)), stages(), shape.tileBytes(),
                  frame.workspace);
  b.loop(b.i32(0), stripes.parts(), b.i32(1), [&](Value index) {
    Part part = stripes.part(index);
    OutputTile output = sumsOf(part, firstRow);
    b.when(
        stripes.isLeft(part),
        [&] {
          output.leave(stripes.sums(), threads());
          b.barrier();
          stripes.raiseFlag(frame.thread);
        },
        [&] {
          stripes.waitForEarlier(part, frame.thread, threads());
          b.barrier();
          output.store(firstRow, threads(), part.tile,
                       [&](Value place, Value four) {
                         return stripes.addEarlier(part, place, four);
                       });
        });
  });
}

void TileKernel::build() {
  // Lane l gives the address of row l % 8 of matrix l / 8: the halves of 16
  // columns of one block of rows, then of the next.
  Value row = b.rem(frame.lane, 8), matrix = b.div(frame.lane, 8);
  matrixRow = b.mul(b.add(b.mul(b.div(matrix, 2), 8), row), rowBytes);
  matrixSwizzle = b.mul(b.bitXor(b.rem(matrix, 2), row), 16);

  if (plan.launch.overlap) {
    allowOverlap(b);
    waitForPrevious(b);
  }
  if (shape.stripes) {
    Value hasRows = b.less(b.i32(0), frame.inputRows);
    return b.when(hasRows, [&] { buildStripe(b.i32(0)); });
  }
  Value block = b.block(gpu::Dimension::x);
  Part whole = {block, b.i32(0), b.i32(stages()), block};
  Value first = b.mul(b.block(gpu::Dimension::y), shape.inputRows);
  Value step = b.mul(b.blocks(gpu::Dimension::y), shape.inputRows);
  b.loop(first, frame.inputRows, step, [&](Value firstRow) {
    sumsOf(whole, firstRow).store(firstRow, threads());
  });
}

void qopt::nvptx::buildTileKernel(KernelBuilder &b, const LinearSpec &spec,
                                  const KernelPlan &plan,
                                  const KernelFrame &frame) {
  TileKernel(b, spec, plan, frame).build();
}
