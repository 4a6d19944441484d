//===- Stripes.h - equal shares of all tiles for all blocks -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Tiles of y seldom divide evenly among the blocks of a grid, one on each
// processor. So each block has as many whole tiles as all can have, but one;
// the stages of the tiles that remain, one tile after the other, are cut into
// as many stripes of equal length as there are blocks. (The "two-tile stream-K"
// of Osama et al., 2023: a stripe is no shorter than a tile where there is a
// tile for each block, so that few blocks meet in one.)
//
// A tile that several blocks have parts of is stored by the block that has its
// end. The others leave their sums in a workspace in global memory, and raise a
// flag each. A block goes through its stripe from the last tile to the first:
// what it leaves to a later block it does before anything else, and what it
// needs from earlier blocks they have done first. It waits for blocks of
// smaller number only, which have begun before it (hardware starts blocks in
// their order, though CUDA does not promise it): however few are resident, none
// waits for ever. It adds their sums to its own in the order of the blocks, so
// that timing changes nothing. Whole tiles come last, for all blocks at the
// same time.
//
//   workspace [flags of the blocks][sums of block 0][sums of block 1]…
//
// The flags are zero before a launch, and after it again.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_STRIPES_H
#define QOPT_LIB_CODEGEN_NVPTX_STRIPES_H

#include "KernelBuilder.h"
#include "qopt/Codegen/NVPTX/KernelSpec.h"

namespace qopt::nvptx {

class Stripes {
public:
  using Value = mlir::Value;

  static constexpr int64_t flagBytes = LaunchShape::workspaceFlags;
  static constexpr int64_t mostBlocks = flagBytes / 4;
  static int64_t workspaceBytes(int64_t blocks, int64_t tileBytes) {
    return flagBytes + blocks * tileBytes;
  }
  /// What a block has at most, and of how many earlier blocks it reads sums.
  struct Share {
    int64_t stages, earlier;
  };
  static Share shareOf(int64_t blocks, int64_t tiles, int64_t stagesOfTile);

  /// The blocks of the grid, no more than there are stages, share `tiles` of
  /// `stagesOfTile` each; `tileBytes` of sums, a multiple of 16.
  Stripes(KernelBuilder &b, Value tiles, int64_t stagesOfTile,
          int64_t tileBytes, Value workspace);

  /// Stages begin … end of a tile. Blocks from `firstBlock` to this one have
  /// what is before.
  struct Part {
    Value tile, begin, end, firstBlock;
  };
  /// How many parts this block has.
  Value parts() { return b.add(partsOfStripe, ownTiles); }
  Part part(Value index);

  /// Whether another block has the end of the tile.
  Value isLeft(const Part &part) { return b.less(part.end, stagesOfTile); }
  /// Where this block leaves its sums.
  Value sums() { return sumsOf(block); }
  /// Raises this block's flag; all its threads have left their sums, and have
  /// met at a barrier.
  void raiseFlag(Value thread);
  /// Waits for all earlier blocks with a part of the tile, on behalf of the
  /// threads with which these ones meet at a barrier next.
  void waitForEarlier(const Part &part, Value thread, int64_t threads);
  /// Adds, to four sums, theirs at `place` bytes from the tile's first.
  Value addEarlier(const Part &part, Value place, Value four);

private:
  /// The first stage of a block's stripe.
  Value firstOf(Value number);
  Value sumsOf(Value number);
  Value flagOf(Value number) { return b.advance(workspace, number, 4); }

  KernelBuilder &b;
  int64_t stagesOfTile, tileBytes;
  Value workspace, block, blocks;
  Value ownTiles; // whole ones of each block
  Value stages;   // of all stripes
  // Of this block's stripe.
  Value first, end, lastTile, partsOfStripe;
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_STRIPES_H
