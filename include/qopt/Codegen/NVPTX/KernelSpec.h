//===- KernelSpec.h - what kernels compute, how they are launched -*- C++ -*-=//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_NVPTX_KERNELSPEC_H
#define QOPT_CODEGEN_NVPTX_KERNELSPEC_H

#include "qopt/Codegen/NVPTX/ActivationType.h"
#include "qopt/Formats/MmaLayout.h"

#include <algorithm>
#include <string>

namespace qopt::nvptx {

constexpr int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// y = x · Wᵀ for all weights of one shape and scheme in the layout #qopt.mma:
/// x [M, K], W [N, K], y [M, N], M a run-time argument.
struct LinearSpec {
  MmaLayout weight;       // N x K and the scheme
  std::string schemeName; // SchemeAttrInterface::mnemonicName()
  ActivationType activation = ActivationType::F16;

  int64_t rows() const { return weight.rows; }       // N
  int64_t columns() const { return weight.columns; } // K
  const AffineHierarchy &hierarchy() const { return weight.hierarchy; }
  /// "qopt_linear_int4_g64_n256_k256"; its kernels add a suffix each.
  std::string name() const {
    return "qopt_linear_" + schemeName + "_n" + std::to_string(rows()) + "_k" +
           std::to_string(columns());
  }

  /// Tiles of 16 rows that hold weights (the layout pads to whole 64).
  int64_t tiles() const {
    return (rows() + MmaLayout::tileRows - 1) / MmaLayout::tileRows;
  }
  /// Units of work along K: 128 columns of a tile.
  int64_t chunks() const { return weight.chunks(); }
  int64_t groupLength() const {
    return weight.hierarchy.groupLength(weight.paddedColumns());
  }
  /// Groups in a chunk, at least one: a longer group spans several.
  int64_t groupsPerChunk() const {
    return std::max<int64_t>(1, MmaLayout::chunkColumns / groupLength());
  }
  /// Whether only few rows of x have sums of their own for every group, which
  /// short groups and minima make too many: with more rows the weight itself is
  /// scaled, and rounded to the type of x.
  bool scalesWeights() const {
    return weight.hasHalfMinima() || groupLength() < 32;
  }
  /// Whether rounding weights to the type of x is allowed where sums of groups
  /// take too many registers. In bf16 it is as large as the rounding of y.
  bool mayScaleWeights() const {
    return activation == ActivationType::F16 || scalesWeights();
  }
};

/// How a kernel is launched: a row of the table that the runtime reads
/// (docs/nvptx.md, "The table of kernels").
struct LaunchShape {
  int64_t maxRows = 0; // the largest M; 0: any
  int64_t block = 0;   // threads
  // Dynamic shared memory: shared + sharedPerRow · M bytes.
  int64_t shared = 0, sharedPerRow = 0;
  int64_t tilesOfN = 0; // grid.x = tilesOfN · cluster
  int64_t cluster = 1;  // blocks that share a tile of N: a cluster along x
  int64_t tileOfM = 0;  // grid.y = ceil(M / tileOfM), at most 65535
  /// Blocks stride over the tiles of N: no more than are resident at once.
  bool persistent = false;
  /// Bytes of global memory through which blocks share sums (docs/nvptx.md,
  /// "The workspace"). The first of them, the same for all kernels, are flags.
  int64_t workspace = 0;
  static constexpr int64_t workspaceFlags = 4096;
  /// May begin before the kernel before it in the stream has ended.
  bool overlap = false;
};

} // namespace qopt::nvptx

#endif // QOPT_CODEGEN_NVPTX_KERNELSPEC_H
