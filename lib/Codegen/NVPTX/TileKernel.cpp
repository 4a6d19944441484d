//===- TileKernel.cpp - tiles of y, for any number of rows ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   block   16 · tilesPerWarp · warpsOfN outputs by inputRows rows of x;
//           blockIdx.x along the outputs, blockIdx.y strides over rows of x
//   warp    tilesPerWarp tiles of 16 outputs by all rows; no other warp decodes
//           the same weights. Of warpsOfK warps with the same outputs each
//           takes every warpsOfK-th chunk of 128 columns
//   stage   the chunks of all warps, and as many columns of x: copied several
//           stages ahead, one barrier per stage
//   end     f32 sums meet in shared memory, are added in the order of the warps
//           and leave as 16-byte stores
//
// A stage of x is [warpsOfK][inputRows][128 columns]; the 16-byte piece p of a
// row lies at p ^ (row mod 8), so that the eight rows of a matrix that ldmatrix
// reads are in different banks.
//
//===----------------------------------------------------------------------===//
#include "KernelFunction.h"

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
        frame(frame),
        weights(b, spec, frame.packed, frame.scales, frame.zeros, frame.lane),
        product(b, spec, weights, shape.scaleWeights) {}
  void build();

  static int64_t warps(const TileShape &shape) {
    return shape.warpsOfN * shape.warpsOfK;
  }
  static int64_t weightBytes(const LinearSpec &spec, const TileShape &shape) {
    return warps(shape) * shape.tilesPerWarp * WeightStream::slotBytes(spec);
  }
  static int64_t stageBytes(const LinearSpec &spec, const TileShape &shape) {
    return weightBytes(spec, shape) +
           shape.warpsOfK * shape.inputRows * rowBytes;
  }
  static int64_t outputs(const TileShape &shape) {
    return MmaLayout::tileRows * shape.tilesPerWarp * shape.warpsOfN;
  }
  /// f32 from one row of sums to the next: not a multiple of 32 banks.
  static int64_t sumsPitch(const TileShape &shape) {
    return outputs(shape) + 4;
  }

private:
  void buildTileOfRows(Value firstRow);
  void copyStage(Value stage, Value firstRow);
  void copyInput(Value address, Value stage, Value firstRow);
  void addStage(Value address, Sums &sums);
  void storeSums(const Sums &sums);
  void storeOutput(Value firstRow);

  int64_t stages() const {
    return (spec.chunks() + shape.warpsOfK - 1) / shape.warpsOfK;
  }
  int64_t threads() const { return 32 * warps(shape); }
  Value chunkOf(Value stage) {
    return b.add(b.mul(stage, shape.warpsOfK), warpOfK);
  }
  Value stageAddress(Value stage) {
    return b.add(frame.shared,
                 b.mul(b.rem(stage, shape.stages), stageBytes(spec, shape)));
  }
  Value slotOf(Value stageAddress, int64_t tile) {
    int64_t slot = WeightStream::slotBytes(spec);
    return b.add(
        b.add(stageAddress, b.mul(frame.warp, shape.tilesPerWarp * slot)),
        tile * slot);
  }

  KernelBuilder &b;
  const LinearSpec &spec;
  const TileShape &shape;
  const KernelPlan &plan;
  const KernelFrame &frame;
  WeightStream weights;
  ChunkProduct product;
  Value warpOfN, warpOfK, firstTile; // of this warp
  Value matrixRow, matrixSwizzle;    // of this lane's address for ldmatrix
};
} // namespace

SharedBytes qopt::nvptx::sharedBytes(const LinearSpec &spec,
                                     const TileShape &shape) {
  int64_t sums =
      shape.warpsOfK * shape.inputRows * TileKernel::sumsPitch(shape) * 4;
  return {std::max(sums, shape.stages * TileKernel::stageBytes(spec, shape)),
          0};
}

/// Rows past the last one repeat it, and what comes of them is not stored;
/// columns past the last one are zeros.
void TileKernel::copyInput(Value address, Value stage, Value firstRow) {
  int64_t pieces = shape.warpsOfK * shape.inputRows * piecesPerRow;
  Value last = b.add(frame.inputRows, -1);
  for (int64_t first = 0; first < pieces; first += threads()) {
    Value index = b.add(frame.thread, first);
    auto copy = [&] {
      Value piece = b.rem(index, piecesPerRow);
      Value line = b.div(index, piecesPerRow);
      Value row = b.rem(line, shape.inputRows);
      Value chunk =
          b.add(b.mul(stage, shape.warpsOfK), b.div(line, shape.inputRows));
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

void TileKernel::copyStage(Value stage, Value firstRow) {
  Value address = stageAddress(stage);
  b.when(b.less(stage, stages()), [&] {
    Value chunk = chunkOf(stage);
    for (int64_t i = 0; i < shape.tilesPerWarp; ++i) {
      Value tile = b.add(firstTile, i);
      Value present = b.less(tile, spec.weight.tilesOfRows());
      if (spec.chunks() % shape.warpsOfK != 0)
        present = b.both(present, b.less(chunk, spec.chunks()));
      weights.copy(slotOf(address, i), tile, chunk, present);
    }
    copyInput(b.add(address, weightBytes(spec, shape)), stage, firstRow);
  });
  b.commitCopies();
}

void TileKernel::addStage(Value address, Sums &sums) {
  SmallVector<ChunkWords> chunks;
  for (int64_t i = 0; i < shape.tilesPerWarp; ++i)
    chunks.push_back(weights.read(slotOf(address, i)));
  Value rows = b.add(b.add(b.add(address, weightBytes(spec, shape)),
                           b.mul(warpOfK, shape.inputRows * rowBytes)),
                     matrixRow);
  product.add(
      chunks,
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

/// f32 sums [warpsOfK][inputRows][outputs], rows a pitch apart.
void TileKernel::storeSums(const Sums &sums) {
  int64_t pitch = sumsPitch(shape);
  Value row =
      b.add(b.mul(warpOfK, shape.inputRows), b.mul(b.rem(frame.lane, 4), 2));
  Value column = b.add(b.mul(warpOfN, MmaLayout::tileRows * shape.tilesPerWarp),
                       b.div(frame.lane, 4));
  Value target =
      b.add(frame.shared, b.mul(b.add(b.mul(row, pitch), column), 4));
  int64_t blocks = shape.inputRows / 8;
  for (auto [index, sum] : llvm::enumerate(sums)) {
    int64_t i = index % 4, block = index / 4 % blocks,
            tile = index / 4 / blocks;
    int64_t place = (8 * block + i % 2) * pitch + 16 * tile + 8 * (i / 2);
    b.storeShared(sum, b.add(target, 4 * place), 4);
  }
}

/// Eight outputs of a row per thread: added up, rounded once, stored together.
void TileKernel::storeOutput(Value firstRow) {
  int64_t pitch = sumsPitch(shape), piecesOfRow = outputs(shape) / 8;
  Value firstOutput = b.mul(b.block(gpu::Dimension::x), outputs(shape));
  b.loop(frame.thread, b.i32(shape.inputRows * piecesOfRow), b.i32(threads()),
         [&](Value index) {
           Value row = b.div(index, piecesOfRow);
           Value column = b.mul(b.rem(index, piecesOfRow), 8);
           Value rowOfAll = b.add(firstRow, row);
           Value output = b.add(firstOutput, column);
           Value inside = b.both(b.less(rowOfAll, frame.inputRows),
                                 b.less(output, spec.rows()));
           b.when(inside, [&] {
             auto four = VectorType::get(4, b.getF32Type());
             Value source = b.add(frame.shared,
                                  b.mul(b.add(b.mul(row, pitch), column), 4));
             Value narrow[2];
             for (int64_t half = 0; half < 2; ++half) {
               Value sum;
               for (int64_t w = 0; w < shape.warpsOfK; ++w) {
                 int64_t place = w * shape.inputRows * pitch + 4 * half;
                 Value part = b.loadShared(four, b.add(source, 4 * place), 16);
                 sum = w == 0 ? part
                              : arith::AddFOp::create(b, sum, part).getResult();
               }
               Type element = weights.decode.pairType().getElementType();
               narrow[half] =
                   arith::TruncFOp::create(b, VectorType::get(4, element), sum);
             }
             Value eight = vector::ShuffleOp::create(
                 b, narrow[0], narrow[1],
                 ArrayRef<int64_t>{0, 1, 2, 3, 4, 5, 6, 7});
             Value target = b.advance(frame.output, rowOfAll, spec.rows() * 2);
             b.store(b.bitcast(b.words(), eight), b.advance(target, output, 2),
                     16);
           });
         });
}

void TileKernel::buildTileOfRows(Value firstRow) {
  for (int64_t stage = 0; stage + 1 < shape.stages; ++stage)
    copyStage(b.i32(stage), firstRow);
  Sums sums = product.zeros(shape.tilesPerWarp, shape.inputRows / 8);
  b.loop(b.i32(0), b.i32(stages()), b.i32(1), sums,
         [&](Value stage, Sums &sums) {
           b.waitForCopies(shape.stages - 2);
           // Everybody's copies of this stage are there, and nobody reads the
           // stage before it any more, which the next copies overwrite.
           b.barrier();
           copyStage(b.add(stage, shape.stages - 1), firstRow);
           addStage(stageAddress(stage), sums);
         });
  b.waitForCopies(0);
  b.barrier();
  storeSums(sums);
  b.barrier();
  storeOutput(firstRow);
}

void TileKernel::build() {
  warpOfN = b.rem(frame.warp, shape.warpsOfN);
  warpOfK = b.div(frame.warp, shape.warpsOfN);
  firstTile = b.add(
      b.mul(b.block(gpu::Dimension::x), shape.warpsOfN * shape.tilesPerWarp),
      b.mul(warpOfN, shape.tilesPerWarp));
  // Lane l gives the address of row l % 8 of matrix l / 8: the halves of 16
  // columns of one block of rows, then of the next.
  Value row = b.rem(frame.lane, 8), matrix = b.div(frame.lane, 8);
  matrixRow = b.mul(b.add(b.mul(b.div(matrix, 2), 8), row), rowBytes);
  matrixSwizzle = b.mul(b.bitXor(b.rem(matrix, 2), row), 16);

  if (plan.launch.overlap) {
    allowOverlap(b);
    waitForPrevious(b);
  }
  Value first = b.mul(b.block(gpu::Dimension::y), shape.inputRows);
  Value step = b.mul(b.blocks(gpu::Dimension::y), shape.inputRows);
  b.loop(first, frame.inputRows, step, [&](Value firstRow) {
    b.barrier(); // the sums of the tile before are read
    buildTileOfRows(firstRow);
  });
}

void qopt::nvptx::buildTileKernel(KernelBuilder &b, const LinearSpec &spec,
                                  const KernelPlan &plan,
                                  const KernelFrame &frame) {
  TileKernel(b, spec, plan, frame).build();
}
