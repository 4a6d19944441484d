//===- DenseTiles.h - products with half-precision rows in tiles -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// For many rows of x and a weight of f16 or bf16, on a processor with AMX,
// which multiplies bf16. A number is the sum of two in bf16, the second of
// which has the bits that the first one lacks: all of them for a weight in f16,
// down to 2^-16 of it for x. So nothing is lost that the weight has:
//
//     w x = w_high x_high + w_high x_low (+ w_low x_high)   in f32
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_DENSETILES_H
#define QOPT_LIB_CODEGEN_CPU_DENSETILES_H

#include "../VectorBuilder.h"

#include "qopt/Formats/FormatTable.h"

namespace qopt::cpu {

class DenseTiles {
public:
  using Value = mlir::Value;

  /// y [M, rows] = x [M, columns] W^T, for blocks [firstBlock, endBlock) of 16
  /// rows of W. x, w and y are memref<?xT>.
  struct Arguments {
    Value x, w, y, inputRows, firstBlock, endBlock;
  };
  DenseTiles(mlir::ImplicitLocOpBuilder &builder, const CpuTarget &target,
             GgufType type, int64_t rows, int64_t columns,
             const Arguments &arguments);
  void emit();

  static bool isAvailable(const CpuTarget &target, GgufType type);

private:
  static constexpr int64_t tileRows = 16;
  static constexpr int64_t tileColumns = 32;
  static constexpr int64_t panelBlocks = 2; // of W
  static constexpr int64_t spanChunks = 8;  // of a panel, converted at once
  static constexpr int64_t passChunks = 32; // of x
  static constexpr int64_t rowsPerPass = 256;

  struct Pass {
    Value firstRow, rows; // of x
    Value firstChunk, spans;
  };

  void emitPass(const Pass &pass);
  /// 16 columns as f32 at [row, column]; zero from the last column on.
  Value loadColumns(Value buffer, Value row, Value column);
  /// 32 columns of a row, as two numbers in bf16 each; without the second one
  /// for bf16.
  void split(Value buffer, Value row, Value column, bool twoParts,
             VectorBuilder::Values &high, VectorBuilder::Values &low);
  void convertRows(const Pass &pass);
  void convertSpan(Value firstBlock, Value firstChunk);
  void multiply(Value rowPair, Value span);
  void storeSums(const Pass &pass, Value firstBlock, Value blocks);
  /// [i][j] becomes [j][i]; vectors of 16 lanes.
  VectorBuilder::Values transpose(VectorBuilder::Values rows);

  /// Where the 16 rows of a tile begin.
  Value inputTile(Value rowTile, Value chunk, int part) {
    Value place = v.add(v.times(rowTile, passChunks), chunk);
    return v.times(v.add(v.times(place, 2), part), tileRows);
  }
  Value weightTile(int side, Value chunk, int part) {
    Value place = v.add(chunk, side * spanChunks);
    return v.times(v.add(v.times(place, weightParts), part), tileRows);
  }
  Value sumTile(Value rowTile, int side) {
    return v.times(v.add(v.times(rowTile, panelBlocks), side), tileRows);
  }

  VectorBuilder v;
  GgufType type;
  int64_t rows, columns, chunks;
  int weightParts; // numbers in bf16 per weight
  Arguments arguments;
  Value inputs, weights, sums; // tiles
};

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_DENSETILES_H
