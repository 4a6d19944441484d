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
void WarpgroupKernel::copyInput(const Stage &stage) {
  Value source = b.advance(frame.input, part.firstRow, spec.columns() * 2);
  source = b.advance(source, stage.stage, layout.columns * 2);
  Value target = address(stage.count);
  Value last = b.add(b.sub(frame.inputRows, part.firstRow), -1);
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

/// What a row of tiles has of a stage lies together, here as in memory: TMA
/// brings it by one bulk copy, and each warp starts those of every fourth row
/// of tiles. Instead of rows of tiles that are not there, four at a time, come
/// the last ones; what becomes of them is not stored.
void WarpgroupKernel::copyCodes(const Stage &stage) {
  constexpr int64_t warps = groupThreads / 32;
  static_assert(MmaLayout::paddedRowsTo == warps * MmaLayout::tileRows);
  const int64_t bytesOfRow =
      spec.weight.tilesOfColumns() * spec.weight.tileBytes();
  const int64_t bytes = layout.tiles * spec.weight.tileBytes();
  const int64_t copies = layout.rowsOfTiles / warps;
  Value firstTile = b.add(b.mul(part.tileOfN, layout.rowsOfTiles), warp);
  Value source = b.advance(frame.weight.packed, firstTile, bytesOfRow);
  source = b.advance(source, stage.stage, bytes);
  Value target = b.add(codes(stage.count), b.mul(warp, bytes));
  Value barrier = full(stage.count), policy = b.evictFirst();
  Mbarrier::expectBytes(b, barrier, copies * bytes, startsCopies);
  for (int64_t i = 0; i < copies; ++i) {
    Value tile = b.i32(warps * i); // from the first one
    if (spec.weight.tilesOfRows() % layout.rowsOfTiles)
      tile = b.min(tile, b.sub(b.i32(spec.weight.tilesOfRows() - warps),
                               b.mul(part.tileOfN, layout.rowsOfTiles)));
    copyBulk(b, b.add(target, warps * i * bytes),
             b.advance(source, tile, bytesOfRow), bytes, barrier, policy,
             startsCopies);
  }
}

/// Scales, zeros or super-scales: of a row of tiles 16 to 512 bytes, which is
/// no more than a cp.async of a warp moves, or a few rows' at once. Consecutive
/// threads take pieces of 16 bytes. Of rows of tiles that are not there come
/// zeros.
void WarpgroupKernel::copyRecords(const Stage &stage,
                                  const WarpgroupStage::Records &of,
                                  Value component) {
  const int64_t pieces = of.bytes / 16;
  const int64_t bytesOfRow = of.recordsOfRow * of.recordBytes;
  Value firstTile = b.mul(part.tileOfN, layout.rowsOfTiles);
  Value first = of.columns < layout.columns
                    ? b.mul(stage.stage, layout.columns / of.columns)
                    : b.div(stage.stage, of.columns / layout.columns);
  Value source = b.advance(component, firstTile, bytesOfRow);
  source = b.advance(source, first, of.recordBytes);
  Value target = b.add(records(stage.count), of.place);
  overPieces(layout.rowsOfTiles * pieces, [&](Value index) {
    Value tile = b.div(index, pieces); // of the block
    Value place =
        b.add(b.mul(tile, bytesOfRow), b.mul(b.rem(index, pieces), 16));
    Value present;
    if (spec.weight.tilesOfRows() % layout.rowsOfTiles)
      present = b.less(b.add(firstTile, tile), spec.weight.tilesOfRows());
    b.copyAsync(b.add(target, b.mul(index, 16)),
                b.advance(source, b.opaque(place), 1), 16, present);
  });
}

void WarpgroupKernel::copyWeights(const Stage &stage) {
  copyCodes(stage);
  const Value components[] = {frame.weight.scales, frame.weight.zeros,
                              frame.weight.superScales};
  for (auto [of, component] : llvm::zip_equal(layout.records, components))
    if (of.bytes)
      copyRecords(stage, of, component);
}

int64_t WarpgroupKernel::mostAhead() const {
  // Codes ahead do not delay the first x: each stage waits for its own. But x
  // is asked for when they have been; a processor gets 39 KB from memory in the
  // time that a byte takes.
  constexpr int64_t mostBytes = 64 << 10;
  if (!plan.launch.overlap)
    return 0;
  return std::min({mostBytes / layout.codeBytes, shape.stages, stages()});
}

Value WarpgroupKernel::stagesAhead(const Part &first) {
  Value most = b.opaque(b.i32(mostAhead()));
  // Without rows of x nobody would wait for what TMA copies.
  most = b.select(b.less(frame.inputRows, 1), b.i32(0), most);
  return stripes ? b.min(most, first.stages) : most;
}

void WarpgroupKernel::copyAhead() {
  if (!mostAhead())
    return;
  Value zero = b.i32(0);
  part = stripes ? partOf(stripes->part(zero), zero) : partOf(zero, zero);
  b.loop(zero, stagesAhead(part), b.i32(1),
         [&](Value index) { copyWeights(stageAt(index)); });
}

void WarpgroupKernel::produce() {
  auto end = [&](const Stage &stage) {
    copyInput(stage);
    Mbarrier::arriveAfterCopies(b, full(stage.count));
  };
  Value first = b.i32(0);
  if (mostAhead()) { // of the first part
    first = b.select(b.less(part.count, 1), stagesAhead(part), first);
    b.loop(b.i32(0), first, b.i32(1),
           [&](Value index) { end(stageAt(index)); });
  }
  b.loop(first, part.stages, b.i32(1), [&](Value index) {
    Stage stage = stageAt(index);
    // The first round finds all slots empty: a wait for the phase before the
    // first returns at once.
    Mbarrier::wait(b, empty(stage.count), b.bitXor(parity(stage.count), 1));
    copyWeights(stage);
    end(stage);
  });
}
