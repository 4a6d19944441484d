//===- WarpgroupProducer.cpp - the warps that copy ------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "WarpgroupKernel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

void WarpgroupKernel::overPieces(int64_t pieces,
                                 function_ref<void(Value)> body) {
  for (int64_t first = 0; first < pieces; first += groupThreads) {
    Value index = b.add(thread, first);
    if (first + groupThreads <= pieces)
      body(index);
    else
      b.when(b.less(index, pieces), [&] { body(index); });
  }
}

// The schedulers that execute copies also serve the consumers. So an address is
// one that all threads of the block share and that changes with the stage, plus
// an offset of the thread's that stays: the hardware adds them.

/// Rows past the last one repeat it, and what comes of them is not stored;
/// columns past the last one are zeros.
void WarpgroupKernel::copyInput(const Stage &stage, Value firstRow) {
  Value source = b.advance(frame.input, firstRow, spec.columns() * 2);
  source = b.advance(source, stage.stage, layout.columns * 2);
  Value target = address(stage.count);
  Value last = b.add(b.sub(frame.inputRows, firstRow), -1);
  overPieces(layout.inputBytes / 16, [&](Value index) {
    Value piece = b.rem(index, piecesOfRow), line = b.div(index, piecesOfRow);
    Value row = b.rem(line, shape.inputRows);
    Value tile = b.div(line, shape.inputRows); // of the stage
    Value pieceOfStage = b.add(b.mul(tile, piecesOfRow), piece);
    Value offset = b.add(b.mul(b.min(row, last), spec.columns() * 2),
                         b.mul(pieceOfStage, 16));
    Value inside;
    if (spec.columns() != spec.weight.paddedColumns()) {
      int64_t piecesOfStage = layout.columns / 8;
      inside = b.less(b.add(b.mul(stage.stage, piecesOfStage), pieceOfStage),
                      spec.columns() / 8);
    }
    Value swizzled = b.bitXor(piece, b.rem(row, 8));
    b.copyAsync(
        b.add(b.add(target, b.mul(line, rowBytes)), b.mul(swizzled, 16)),
        b.advance(source, b.opaque(offset), 1), 16, inside);
  });
}

/// Consecutive threads take pieces of 16 bytes. Of rows of tiles that are not
/// there come zeros.
void WarpgroupKernel::copyShares(const Share &share, Value offset,
                                 int64_t offsetBytes, Value target,
                                 Value policy) {
  const int64_t pieces = share.bytes / 16;
  Value firstTile = b.mul(blockOfN, layout.rowsOfTiles);
  Value source = b.advance(share.component, firstTile, share.bytesOfRow);
  source = b.advance(source, offset, offsetBytes);
  overPieces(layout.rowsOfTiles * pieces, [&](Value index) {
    Value tile = b.div(index, pieces); // of the block
    Value place =
        b.add(b.mul(tile, share.bytesOfRow), b.mul(b.rem(index, pieces), 16));
    Value present;
    if (spec.weight.tilesOfRows() % layout.rowsOfTiles)
      present = b.less(b.add(firstTile, tile), spec.weight.tilesOfRows());
    b.copyAsync(b.add(target, b.mul(index, 16)),
                b.advance(source, b.opaque(place), 1), 16, present, policy);
  });
}

void WarpgroupKernel::copyWeights(const Stage &stage) {
  int64_t codeBytes = layout.tiles * spec.weight.tileBytes();
  copyShares({frame.weight.packed,
              spec.weight.tilesOfColumns() * spec.weight.tileBytes(),
              codeBytes},
             stage.stage, codeBytes, codes(stage.count), b.evictFirst());
  const Value components[] = {frame.weight.scales, frame.weight.zeros,
                              frame.weight.superScales};
  for (auto [part, component] : llvm::zip_equal(layout.records, components)) {
    if (!part.bytes)
      continue;
    Value first = part.columns < layout.columns
                      ? b.mul(stage.stage, layout.columns / part.columns)
                      : b.div(stage.stage, part.columns / layout.columns);
    copyShares({component, part.recordsOfRow * part.recordBytes, part.bytes},
               first, part.recordBytes,
               b.add(records(stage.count), part.place));
  }
}

int64_t WarpgroupKernel::stagesAhead() const {
  // A stage is full when all that its threads copied before is there: what is
  // ahead of the first x delays it.
  constexpr int64_t most = 4, mostBytes = 32 << 10;
  if (!plan.launch.overlap)
    return 0;
  int64_t fit = mostBytes / (layout.codeBytes + layout.recordBytes);
  return std::min({most, std::max<int64_t>(1, fit), shape.stages, stages()});
}

void WarpgroupKernel::copyAhead() {
  if (stagesAhead())
    b.loop(b.i32(0), b.i32(stagesAhead()), b.i32(1),
           [&](Value index) { copyWeights(stageAt(index, b.i32(0))); });
}

void WarpgroupKernel::produce(Value firstRow, Value firstCount) {
  b.loop(b.i32(0), b.i32(stages()), b.i32(1), [&](Value index) {
    Stage stage = stageAt(index, firstCount);
    // The first round finds all slots empty: a wait for the phase before the
    // first returns at once.
    Mbarrier::wait(b, empty(stage.count), b.bitXor(parity(stage.count), 1));
    if (stagesAhead())
      b.when(b.less(b.i32(stagesAhead() - 1), stage.count),
             [&] { copyWeights(stage); });
    else
      copyWeights(stage);
    copyInput(stage, firstRow);
    Mbarrier::arriveAfterCopies(b, full(stage.count));
  });
}
