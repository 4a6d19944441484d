//===- KernelSpec.h - what distinguishes one kernel -------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_NVPTX_KERNELSPEC_H
#define QOPT_CODEGEN_NVPTX_KERNELSPEC_H

#include "qopt/Formats/MmaLayout.h"

#include <algorithm>
#include <string>

namespace qopt::nvptx {

/// Type of x and y in memory; sums are f32.
enum class ActivationType { F16, BF16 };

/// A kernel y = x · Wᵀ for all weights of one shape and scheme in the layout
/// #qopt.mma. The number of rows of x is a run-time argument.
struct LinearKernelSpec {
  MmaLayout weight;       // N x K and the scheme
  std::string schemeName; // SchemeAttrInterface::mnemonicName()
  ActivationType activation = ActivationType::F16;

  int64_t rows() const { return weight.rows; }       // N
  int64_t columns() const { return weight.columns; } // K
  bool hasZeros() const { return !weight.scheme.symmetric; }
  /// The entry: "qopt_linear_int4_g64_n256_k256".
  std::string name() const {
    return "qopt_linear_" + schemeName + "_n" + std::to_string(rows()) + "_k" +
           std::to_string(columns());
  }

  /// Rows of x that a block works on at a time: m of mma.sync.
  static constexpr int64_t rowsOfTile = 16;
  /// Units of work along K.
  int64_t chunks() const {
    return weight.paddedColumns() / MmaLayout::chunkColumns;
  }
  /// Warps of a block; they share the chunks of one tile of 32 outputs. Above
  /// eight, a warp gets at least two chunks: of a single one the compiler keeps
  /// the weights in registers for all tiles of x, and 16 warps have too few
  /// registers for that.
  int64_t warps() const {
    return std::min(chunks(), std::clamp<int64_t>(chunks() / 2, 8, 16));
  }
  int64_t blockSize() const { return 32 * warps(); }
  int64_t gridSize() const { return weight.tilesOfRows(); }
};

} // namespace qopt::nvptx

#endif // QOPT_CODEGEN_NVPTX_KERNELSPEC_H
