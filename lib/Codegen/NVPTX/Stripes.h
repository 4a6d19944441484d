//===- Stripes.h - equal shares of all tiles for all blocks -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The stages of all tiles, one tile after the other, are cut into as many
// stripes of equal length as there are blocks, so that no processor waits for
// another one's last tile. A tile that several blocks have parts of is stored
// by the block that has its end. The others leave their sums in a workspace in
// global memory, and raise a flag each.
//
// A block goes through its tiles from the last to the first: what it leaves to
// a later block it does before anything else, and what it needs from earlier
// blocks they have done first. It waits for blocks of smaller number only,
// which have begun before it: however few are resident, none waits for ever.
// Sums are added in the order of the blocks, so that timing changes nothing.
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

  /// `blocks`, no more than there are stages, share `tiles` of
  /// `stagesOfTile` each; `tileBytes` of sums, a multiple of 16.
  Stripes(KernelBuilder &b, int64_t blocks, int64_t tiles, int64_t stagesOfTile,
          int64_t tileBytes, Value workspace);

  /// Stages begin … end of a tile.
  struct Part {
    Value tile, begin, end;
  };
  /// This block's parts, the last first.
  void forEach(mlir::function_ref<void(const Part &)> body);

  /// Whether another block has the end of the tile.
  Value isLeft(const Part &part) { return b.less(part.end, stagesOfTile); }
  /// Where this block leaves its sums.
  Value sums() { return sumsOf(block); }
  /// Raises this block's flag when all its threads have left their sums.
  void raiseFlag(Value thread);
  /// Waits for all earlier blocks with a part of the tile.
  void waitForEarlier(const Part &part, Value thread, int64_t threads);
  /// Adds, to four sums, theirs at `place` bytes from the tile's first.
  Value addEarlier(const Part &part, Value place, Value four);

private:
  /// The first stage of a block's stripe.
  Value firstOf(Value number);
  /// The first block that has a part of the tile.
  Value firstBlock(const Part &part);
  Value sumsOf(Value number);
  Value flagOf(Value number) { return b.advance(workspace, number, 4); }

  KernelBuilder &b;
  int64_t blocks, stages, stagesOfTile, tileBytes;
  Value workspace, block;
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_STRIPES_H
