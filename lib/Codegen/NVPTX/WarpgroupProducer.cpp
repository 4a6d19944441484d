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

Value WarpgroupKernel::present(Value tile) {
  if (spec.weight.tilesOfRows() % layout.rowsOfTiles == 0)
    return nullptr;
  return b.less(tile, spec.weight.tilesOfRows());
}

// Addresses are pointers that stay the same for all stages plus the offset of a
// stage, so that a copy takes few instructions in the loop: the schedulers that
// execute them also serve the consumers.

/// Rows past the last one repeat it, and what comes of them is not stored;
/// columns past the last one are zeros.
void WarpgroupKernel::copyInput(const Stage &stage, Value firstRow) {
  Value last = b.add(frame.inputRows, -1), target = address(stage.count);
  overPieces(layout.inputBytes / 16, [&](Value index) {
    Value piece = b.rem(index, piecesOfRow), line = b.div(index, piecesOfRow);
    Value row = b.rem(line, shape.inputRows);
    Value tile = b.div(line, shape.inputRows); // of the stage
    Value pieceOfStage = b.add(b.mul(tile, piecesOfRow), piece);
    Value source = b.advance(frame.input, b.min(b.add(firstRow, row), last),
                             spec.columns() * 2);
    source = b.advance(source, pieceOfStage, 16);
    source = b.advance(source, stage.stage, layout.columns * 2);
    Value inside;
    if (spec.columns() != spec.weight.paddedColumns()) {
      int64_t piecesOfStage = layout.columns / 8;
      inside = b.less(b.add(b.mul(stage.stage, piecesOfStage), pieceOfStage),
                      spec.columns() / 8);
    }
    Value swizzled = b.bitXor(piece, b.rem(row, 8));
    b.copyAsync(
        b.add(b.add(target, b.mul(line, rowBytes)), b.mul(swizzled, 16)),
        source, 16, inside);
  });
}

/// Consecutive threads take the 16-byte shares of a tile.
void WarpgroupKernel::copyCodes(const Stage &stage) {
  const int64_t shares = spec.weight.tileBytes() / 16;
  Value policy = b.evictFirst(), target = codes(stage.count);
  Value firstTile = b.mul(blockOfN, layout.rowsOfTiles);
  overPieces(layout.codeBytes / 16, [&](Value index) {
    Value share = b.rem(index, shares), place = b.div(index, shares);
    Value tile = b.add(firstTile, b.rem(place, layout.rowsOfTiles));
    Value source =
        b.advance(frame.weight.packed, tile,
                  spec.weight.tilesOfColumns() * spec.weight.tileBytes());
    source = b.advance(source, b.div(place, layout.rowsOfTiles),
                       spec.weight.tileBytes());
    source = b.advance(source, share, 16);
    source = b.advance(source, stage.stage,
                       shape.consumersOfK * spec.weight.tileBytes());
    b.copyAsync(b.add(target, b.mul(index, 16)), source, 16, present(tile),
                policy);
  });
}

/// Consecutive threads take the 16-byte shares of a row of tiles, whose records
/// lie together.
void WarpgroupKernel::copyRecords(const Stage &stage) {
  const Value components[] = {frame.weight.scales, frame.weight.zeros,
                              frame.weight.superScales};
  Value firstTile = b.mul(blockOfN, layout.rowsOfTiles);
  for (auto [part, component] : llvm::zip_equal(layout.records, components)) {
    if (!part.bytes)
      continue;
    const int64_t shares = part.bytes / 16;
    Value first = part.columns < layout.columns
                      ? b.mul(stage.stage, layout.columns / part.columns)
                      : b.div(stage.stage, part.columns / layout.columns);
    Value target = b.add(records(stage.count), part.place);
    overPieces(layout.rowsOfTiles * shares, [&](Value index) {
      Value tile = b.add(firstTile, b.div(index, shares));
      Value source =
          b.advance(component, tile, part.recordsOfRow * part.recordBytes);
      source = b.advance(source, b.rem(index, shares), 16);
      source = b.advance(source, first, part.recordBytes);
      b.copyAsync(b.add(target, b.mul(index, 16)), source, 16, present(tile));
    });
  }
}

void WarpgroupKernel::copyWeights(const Stage &stage) {
  copyCodes(stage);
  copyRecords(stage);
}

int64_t WarpgroupKernel::stagesAhead() const {
  // They delay the first x by as much as they take: not all of the stages.
  constexpr int64_t most = 4;
  return plan.launch.overlap ? std::min({most, shape.stages, stages()}) : 0;
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
