//===- OutputTile.h - from f32 sums of warps to y ---------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Sums [splits][inputRows][outputs] in shared memory, where warps that split
// the columns of W meet: parts are added in their order, so that a result never
// depends on timing, rounded once, and leave as 16-byte stores. From one row to
// the next it is outputs + 4 floats, so that the lanes of a warp, two rows and
// eight outputs apart, are in different banks. Where the blocks of a cluster
// have parts of the same sums, each block stores a share of the tile and reads
// the parts from all blocks, in their order.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_OUTPUTTILE_H
#define QOPT_LIB_CODEGEN_NVPTX_OUTPUTTILE_H

#include "KernelFunction.h"

namespace qopt::nvptx {

class OutputTile {
public:
  using Value = mlir::Value;

  /// `outputs` a multiple of 16, `inputRows` of 8.
  OutputTile(KernelBuilder &b, const LinearSpec &spec, const KernelFrame &frame,
             int64_t splits, int64_t inputRows, int64_t outputs,
             int64_t cluster = 1)
      : b(b), spec(spec), frame(frame), splits(splits), inputRows(inputRows),
        outputs(outputs), cluster(cluster) {}

  static int64_t bytes(int64_t splits, int64_t inputRows, int64_t outputs) {
    return splits * inputRows * (outputs + 4) * 4;
  }
  /// Writes a warp's sums for all rows and the tiles of 16 outputs that begin
  /// at `firstOutput` of the block.
  void put(Value split, Value firstOutput, const Sums &sums);
  /// What else belongs to four sums of the tile [inputRows][outputs], the first
  /// of them so many bytes from its beginning: adds it.
  using Earlier = llvm::function_ref<Value(Value place, Value four)>;
  /// Writes the block's part of y, by all `threads` threads. `tile` says which
  /// outputs, if not those of the block's place in the grid.
  void store(Value firstRow, int64_t threads, Value tile = nullptr,
             Earlier earlier = nullptr);
  /// Writes the sums as f32 [inputRows][outputs] to global memory.
  void leave(Value target, int64_t threads);

private:
  int64_t pitch() const { return outputs + 4; }
  /// Four sums, of all splits and blocks of the cluster.
  Value sum(Value row, Value column);
  /// Four of a split at an address of a block of the cluster.
  Value load(Value address, int64_t rank);

  KernelBuilder &b;
  const LinearSpec &spec;
  const KernelFrame &frame;
  int64_t splits, inputRows, outputs, cluster;
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_OUTPUTTILE_H
