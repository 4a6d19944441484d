//===- TileLinear.h - y = x W^T in tiles of bf16 ----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// For many rows of x on a processor with AMX. A tile instruction multiplies 16
// rows of x by 16 rows of W over 32 columns in bf16 and adds to sums in f32, at
// four times the rate of byte products in vectors. Weights are decoded with
// their scales before, so nothing is left to do per group afterwards:
//
//     y[m, n] = sum over k of bf16(x[m, k]) * bf16(w_hat[n, k])   in f32
//
// with both operands rounded to nearest even.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_TILELINEAR_H
#define QOPT_LIB_CODEGEN_CPU_TILELINEAR_H

#include "CodeFields.h"
#include "GroupParameters.h"
#include "qopt/Codegen/CPU/LinearKernel.h"

namespace qopt::cpu {

/// Whether Linux lets this process use the tiles of AMX, which it must be asked
/// for once. A function with tiles must not be entered without.
mlir::Value emitTilePermission(mlir::ImplicitLocOpBuilder &b);

class TileLinear {
public:
  using Value = mlir::Value;

  TileLinear(mlir::ImplicitLocOpBuilder &builder, const LinearKernelSpec &spec,
             const CpuTarget &target, const KernelArguments &arguments);
  void emit();

  /// Whether the target has the instructions, on a system whose permission for
  /// tiles can be asked for.
  static bool isAvailable(const LinearKernelSpec &spec,
                          const CpuTarget &target);
  /// From so many rows of x on, decoding for them all is worth its time.
  static constexpr int64_t leastRows = 16;

private:
  static constexpr int64_t tileRows = 16;    // of x, and of W
  static constexpr int64_t tileColumns = 32; // a chunk
  static constexpr int64_t panelBlocks = 4;  // of W
  static constexpr int64_t spanChunks = 8;   // of a panel, decoded at once
  static constexpr int64_t mostSpans = 8;    // of a part of the columns
  static constexpr int64_t rowsPerPass = 256;

  /// One pass: some rows of x, some spans of the columns.
  struct Pass {
    Value firstRow, rows; // of x
    Value rowTiles;       // that hold them, rounded up
    Value firstSpan, spans;
  };
  /// A span of a panel of W.
  struct Span {
    Value firstBlock, firstChunk;
    Value inPass; // of the spans of a panel
    Value number; // of all that the pass visits
  };
  /// Decodes half of a chunk after the other.
  class ChunkDecoder;

  void emitPass(const Pass &pass);
  Span spanAt(const Pass &pass, Value number);
  /// The pass's part of x into tiles.
  void convertRows(const Pass &pass);
  /// 16 columns of x; zero from `end` on.
  Value loadColumns(Value row, Value column, Value end);

  /// Adds the products of 32 rows of x and two blocks to their sums, and
  /// decodes a part, half of a block, of the next span meanwhile if there is
  /// one.
  void multiply(const Span &span, Value rowTile, Value side, const Span *next,
                const Span *afterNext, Value part);
  void decodePart(const Span &span, const Span &afterwards, Value part);
  ChunkDecoder chunkDecoder(const Span &span, const Span &afterwards,
                            Value part, Value chunk);
  void clearSums(const Pass &pass);
  /// y = sums, or y += sums.
  void storeSums(const Pass &pass, const Span &span);

  Value lastBlock() { return v.sub(arguments.endBlock, v.index(1)); }
  /// Where the 16 rows of a tile of sums begin.
  Value sumsOf(Value rowTile, Value side) {
    return v.times(v.add(v.times(rowTile, panelBlocks), side), tileRows);
  }
  /// Where the 16 pairs of columns of a chunk begin.
  Value pairsOf(Value buffer, Value side, Value chunk) {
    Value place = v.add(v.times(buffer, panelBlocks), side);
    return v.times(v.add(v.times(place, spanChunks), chunk), tileRows);
  }

  VectorBuilder v;
  IntegerDot unit;
  const InterleavedLayout &layout;
  const AffineHierarchy &h;
  KernelArguments arguments;
  GroupParameters parameters;
  int64_t chunks, spans; // of a row of W
  int64_t spansPerPass;
  // Tiles: x [row tiles, chunks of a pass, 16 rows] of 32 columns; W [two
  // spans, panel, chunks, 16 pairs of columns] of 16 rows; sums [row tiles,
  // panel, 16 rows of x].
  Value inputs, weights, sums;
};

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_TILELINEAR_H
