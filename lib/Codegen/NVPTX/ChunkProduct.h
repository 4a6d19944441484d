//===- ChunkProduct.h - decode, multiply, scale -----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The arithmetic that all kernels share. mma.sync sums the exact products
// (q - z) · x of a group in f32, and the group's scale multiplies that sum: no
// rounding happens but those of f32 additions and the last one of y, whatever
// the scale. Minima take the sum of x over the group from an mma with ones. Or,
// with `scaleWeights`, mma.sync sums f16(s (q - z) - m) · x over all groups,
// which takes half of the registers.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_CHUNKPRODUCT_H
#define QOPT_LIB_CODEGEN_NVPTX_CHUNKPRODUCT_H

#include "WeightStream.h"

namespace qopt::nvptx {

/// B registers of an mma: 16 columns of 8 rows of x.
using InputFragment = std::array<mlir::Value, 2>;

/// Sums of a warp: 16 outputs by 8 rows of x are four f32 per lane. Sum
/// 4 (tile · inputBlocks + block) + i belongs to output g + 8 (i / 2) of the
/// tile and row 2 t + i % 2 of the block.
using Sums = mlir::SmallVector<mlir::Value>;

class ChunkProduct {
public:
  ChunkProduct(KernelBuilder &b, const LinearSpec &spec, WeightStream &weights,
               bool scaleWeights)
      : b(b), spec(spec), weights(weights), scaleWeights(scaleWeights) {}

  Sums zeros(int64_t tiles, int64_t inputBlocks) {
    return Sums(4 * tiles * inputBlocks, b.f32(0));
  }
  /// sums += chunk · x for tiles of 16 outputs, given by their slots, and
  /// blocks of 8 rows of x. `input(step)` gives the fragments of the blocks for
  /// columns 16 step … of those that this warp uses of the chunk.
  void add(mlir::ArrayRef<mlir::Value> tiles,
           mlir::function_ref<mlir::SmallVector<InputFragment>(int64_t)> input,
           Sums &sums);

private:
  std::array<mlir::Value, 4> ones();
  void multiply(const std::array<mlir::Value, 4> &weight,
                const InputFragment &x,
                mlir::MutableArrayRef<mlir::Value> sums);

  KernelBuilder &b;
  const LinearSpec &spec;
  WeightStream &weights;
  bool scaleWeights;
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_CHUNKPRODUCT_H
