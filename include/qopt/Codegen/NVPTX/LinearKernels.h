//===- LinearKernels.h - the kernels of a linear ----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A linear gets one kernel for each range of M in which another use of the
// machine is best:
//
//   streaming   M ≤ 8: memory-bound. Weights flow through shared memory in a
//               queue that never drains between tiles; x stays there.
//   tile        any M: x and weights flow in stages; a decoded weight serves
//               16, 32 or 64 rows of x.
//   warpgroup   the same on sm_90a: wgmma, copies by warps of their own, and up
//               to 256 rows of x for each decoded weight.
//
// Scales multiply f32 sums of exact products, so the only roundings are those
// of f32 additions and the last one of y. The exception is f16 where a second
// set of sums would take too many registers, and schemes with minima or with
// groups of 16: there the scale multiplies the weight, which is rounded to the
// type of x, as by a tool that stores dequantized weights (docs/nvptx.md, "The
// kernels"). (In bf16 that rounding would be as large as y's.)
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_NVPTX_LINEARKERNELS_H
#define QOPT_CODEGEN_NVPTX_LINEARKERNELS_H

#include "qopt/Codegen/NVPTX/KernelSpec.h"
#include "qopt/Codegen/NVPTX/Targets.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

#include <optional>
#include <variant>
#include <vector>

namespace qopt::nvptx {

/// One block works on one tile of 16 outputs after the other; its warps share
/// the columns.
struct StreamingShape {
  int64_t warps = 0; // share the chunks of a tile: warp w takes w, w + warps, …
  int64_t queue = 0; // chunks per warp in shared memory, a power of two
  /// Rounds of chunks over the warps whose columns of x are in shared memory at
  /// a time, and how often that is filled anew: rounds · segments · warps
  /// chunks cover a row. With several segments, rounds >= queue.
  int64_t rounds = 1, segments = 1;
};

/// One block computes a tile of y: 16 · tilesPerWarp · warpsOfN outputs for
/// `inputRows` rows of x. Warps that share outputs split the columns: each has
/// a chunk of 128 in a stage, or two share one.
struct TileShape {
  int64_t tilesPerWarp = 1, warpsOfN = 1, warpsOfK = 1;
  int64_t warpsPerChunk = 1; // 1 or 2; divides warpsOfK
  int64_t inputRows = 16;    // a multiple of 16
  int64_t stages = 2;        // of weights and x in shared memory
  bool scaleWeights = false; // rather than sums
  /// Blocks that share all tiles equally, and so may share one; 0: each block
  /// has a tile.
  int64_t stripes = 0;

  int64_t warps() const { return warpsOfN * warpsOfK; }
  int64_t chunks() const { return warpsOfK / warpsPerChunk; } // of a stage
  int64_t outputs() const {
    return MmaLayout::tileRows * tilesPerWarp * warpsOfN;
  }
  int64_t tilesOf(const LinearSpec &spec) const { // along N
    return divideUp(spec.rows(), outputs());
  }
  int64_t tileBytes() const { return inputRows * outputs() * 4; } // of sums
};

/// One warpgroup copies; two consume: they share out the tiles of 64 outputs
/// or, where there is but one, the columns, as do the blocks of a cluster.
struct WarpgroupShape {
  int64_t tilesOfN = 1;   // 1, 2 or 4
  int64_t inputRows = 16; // n of wgmma: 16, 32, … 256, or 128 for 4 tiles
  int64_t splitsOfK = 1;  // blocks of a cluster; divides the stages
  int64_t tilesOfK = 1;   // of 64 columns: what a consumer has of a stage
  int64_t stages = 4;
  bool scaleWeights = false; // rather than sums
  /// As of TileShape; with a cluster of one.
  int64_t stripes = 0;

  static constexpr int64_t tileOutputs = 64; // m of wgmma
  int64_t outputs() const { return tileOutputs * tilesOfN; }
  int64_t consumersOfN() const { return tilesOfN == 1 ? 1 : 2; }
  int64_t consumersOfK() const { return 2 / consumersOfN(); }
  int64_t tilesOfConsumer() const { return tilesOfN / consumersOfN(); }
  /// Along N.
  int64_t tilesOf(const LinearSpec &spec) const {
    return divideUp(spec.rows(), outputs());
  }
  int64_t tileBytes() const { return inputRows * outputs() * 4; } // of sums
};

struct KernelPlan {
  std::string entry;
  LaunchShape launch;
  std::variant<StreamingShape, TileShape, WarpgroupShape> shape;
};

/// What is chosen by hand, for tests and tuning.
struct Tuning {
  /// Kernels for any M of each of these that K allows, in place of the
  /// warpgroup kernels that would be chosen.
  llvm::SmallVector<WarpgroupShape> warpgroupShapes;
  /// Blocks that share the tiles of tile kernels for up to 64 rows, and of
  /// warpgroup kernels; 0: none do.
  std::optional<int64_t> stripes;
};

/// The kernels of a linear in the order in which they are tried: the first
/// whose maxRows allows M is launched, and the last one takes any M.
std::vector<KernelPlan> planKernels(const LinearSpec &spec,
                                    const Target &target,
                                    const Tuning &tuning = {});

/// Reads tilesOfN x inputRows [x splitsOfK], "2x256" or "1x64x2".
Result<WarpgroupShape> parseWarpgroupShape(llvm::StringRef text);

/// Appends the kernel to `module`. Parameters: pointers to x, the components
/// packed, scales and what else the scheme has (zeros, super_scales) of the
/// weight, and y, all on the device and 16-byte aligned; then M as i32; then,
/// if the plan has one, a pointer to the workspace.
mlir::gpu::GPUFuncOp buildKernel(mlir::gpu::GPUModuleOp module,
                                 mlir::Location location,
                                 const LinearSpec &spec,
                                 const KernelPlan &plan);

} // namespace qopt::nvptx

#endif // QOPT_CODEGEN_NVPTX_LINEARKERNELS_H
