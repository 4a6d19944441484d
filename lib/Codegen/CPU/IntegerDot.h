//===- IntegerDot.h - products of bytes, by the target's means --*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The few steps of a kernel that a target has instructions for:
//
//     step       AVX-512 / AVX VNNI  AVX2, SSSE3, AVX-512BW   NEON
//     dot        vpdpbusd            vpmaddubsw + vpmaddwd    usdot, or sdot
//     multiply   vpdpwssd            vpmaddwd                 plain
//     lookup     vpshufb             vpshufb                  tbl
//
// and plain arithmetic everywhere else. Vectors are split into registers here,
// because intrinsics have one width.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_INTEGERDOT_H
#define QOPT_LIB_CODEGEN_CPU_INTEGERDOT_H

#include "VectorBuilder.h"

#include <array>

namespace qopt::cpu {

class IntegerDot {
public:
  explicit IntegerDot(VectorBuilder &v);

  /// acc[l] + sum over i < 4 of codes[4 l + i] * x[4 l + i]: codes are unsigned
  /// bytes below 2^bits, x signed ones, -127 … 127; all given as dwords.
  mlir::Value dot(mlir::Value acc, mlir::Value codes, mlir::Value x, int bits);

  /// acc[l] + factors[l] * x[l] with 0 <= factors < 2^15, |x| < 2^15.
  mlir::Value multiplyAdd(mlir::Value acc, mlir::Value factors, mlir::Value x);

  /// table[i] for every byte i < 16.
  mlir::Value lookup(mlir::Value indices, const std::array<uint8_t, 16> &table);

  /// Whether dot takes codes of 8 bits as fast as shorter ones.
  bool fullBytes() const {
    return unit == Unit::Vnni || unit == Unit::NeonMixed;
  }
  /// A tile of sums that registers hold: rows of x times blocks of 16 rows of
  /// W.
  struct Tile {
    int rows, blocks;
  };
  /// `perSum`: vectors that a sum takes, 2 or 3.
  Tile registerTile(int perSum) const;

private:
  enum class Unit { Vnni, MultiplyAdd, NeonMixed, NeonSigned, Plain };

  /// operation(parts of the operands) for every register's width, put together.
  mlir::Value perRegister(
      mlir::ValueRange operands,
      llvm::function_ref<mlir::Value(llvm::ArrayRef<mlir::Value>)> operation);
  mlir::Value call(llvm::StringRef name, mlir::VectorType result,
                   mlir::ValueRange operands);
  /// A register of elements of `bits` bits.
  mlir::VectorType registerOf(int bits) const {
    return mlir::VectorType::get({registerBits / bits},
                                 v.b.getIntegerType(bits));
  }
  mlir::Value cast(mlir::Value part, int bits);
  mlir::Value wordProduct(mlir::Value left, mlir::Value right);
  mlir::Value dotWords(mlir::Value acc, mlir::Value codes, mlir::Value x);
  mlir::Value dotPlain(mlir::Value acc, mlir::Value codes, mlir::Value x);

  VectorBuilder &v;
  Unit unit = Unit::Plain;
  int registerBits = 128;
};

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_INTEGERDOT_H
