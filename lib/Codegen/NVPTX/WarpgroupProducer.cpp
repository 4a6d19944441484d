//===- WarpgroupProducer.cpp - the warps that copy ------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "WarpgroupKernel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

void WarpgroupKernel::copyInput(const Stage &stage, Value address,
                                Value firstRow) {
  Value last = b.add(frame.inputRows, -1);
  int64_t pieces = shape.consumersOfK * shape.inputRows * piecesOfRow;
  // Addresses of all rows would take more registers than a producer has.
  for (int64_t first = 0; first < pieces; first += groupThreads) {
    Value index = b.add(b.opaque(thread), first);
    Value piece = b.rem(index, piecesOfRow), line = b.div(index, piecesOfRow);
    Value row = b.rem(line, shape.inputRows);
    Value tileOfK = b.add(b.mul(stage.stage, shape.consumersOfK),
                          b.div(line, shape.inputRows));
    Value pieceOfAll = b.add(b.mul(tileOfK, piecesOfRow), piece);
    Value inside = b.less(pieceOfAll, spec.columns() / 8);
    Value source =
        b.advance(b.advance(frame.input, b.min(b.add(firstRow, row), last),
                            spec.columns() * 2),
                  pieceOfAll, 16);
    Value swizzled = b.bitXor(piece, b.rem(row, 8));
    b.copyAsync(
        b.add(b.add(address, b.mul(line, rowBytes)), b.mul(swizzled, 16)),
        source, 16, inside);
  }
}

/// Consecutive threads take the 16-byte shares of a tile.
void WarpgroupKernel::copyCodes(const Stage &stage, Value address) {
  const int64_t shares = spec.weight.tileBytes() / 16;
  int64_t tilesOfBlock = 4 * shape.consumersOfN;
  Value policy = b.evictFirst();
  Value firstTile = b.mul(b.block(gpu::Dimension::x), tilesOfBlock);
  int64_t pieces = 4 * consumers * shares;
  for (int64_t first = 0; first < pieces; first += groupThreads) {
    Value index = b.add(b.opaque(thread), first);
    auto copy = [&] {
      Value share = b.rem(index, shares), place = b.div(index, shares);
      Value tile = b.add(firstTile, b.rem(place, tilesOfBlock));
      Value tileOfK = b.add(b.mul(stage.stage, shape.consumersOfK),
                            b.div(place, tilesOfBlock));
      Value present = b.both(b.less(tile, spec.weight.tilesOfRows()),
                             b.less(tileOfK, spec.weight.tilesOfColumns()));
      Value tileOfAll =
          b.add(b.mul(tile, spec.weight.tilesOfColumns()), tileOfK);
      Value source =
          b.advance(frame.weight.packed, tileOfAll, spec.weight.tileBytes());
      b.copyAsync(b.add(address, b.mul(index, 16)),
                  b.advance(source, share, 16), 16, present, policy);
    };
    if (first + groupThreads <= pieces)
      copy();
    else
      b.when(b.less(index, pieces), copy);
  }
}

void WarpgroupKernel::copyStage(const Stage &stage, Value firstRow) {
  // The first round finds all slots empty: a wait for the phase before the
  // first returns at once.
  Mbarrier::wait(b, empty(stage.count), b.bitXor(parity(stage.count), 1));
  Value target = address(stage.count);
  copyInput(stage, target, firstRow);
  copyCodes(stage, b.add(target, inputBytes(shape)));
  b.commitCopies();
}

void WarpgroupKernel::produce(Value firstRow, Value firstCount) {
  // Copies are announced this many stages after they began.
  int64_t lag = shape.stages - 2;
  auto announce = [&](Value count) {
    fenceAsyncProxy(b);
    Mbarrier::arrive(b, full(count));
  };
  int64_t all = stages() + 1; // and one of zeros
  for (int64_t i = 0; i < std::min(lag, all); ++i)
    copyStage({b.i32(i), b.add(firstCount, i)}, firstRow);
  if (lag < all)
    b.loop(b.i32(lag), b.i32(all), b.i32(1), [&](Value stage) {
      Value count = b.add(firstCount, stage);
      copyStage({stage, count}, firstRow);
      b.waitForCopies(lag);
      announce(b.add(count, -lag));
    });
  for (int64_t left = std::min(lag, all); left > 0; --left) {
    b.waitForCopies(left - 1);
    announce(b.add(firstCount, all - left));
  }
}
