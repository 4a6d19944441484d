//===- Decode.h - emission: vectors of codes to vectors of f32 --*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A code becomes a float without a conversion instruction: the bits of a code
// in the low mantissa bits of 2^23 are the number 2^23 + q, and subtracting
// 2^23 + z is exact. Nor need the code be shifted down: a field left at bit r
// reads 2^23 + q 2^r, and (2^23 + q 2^r) - (2^23 + z 2^r) = (q - z) 2^r is
// exact too while r + width <= 23. So a kernel keeps one partial sum per r and
// multiplies by 2^-r once per group: that is one mask-and-insert (a single
// instruction on AVX-512), one subtraction, and one multiply-add per column.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_DECODE_H
#define QOPT_LIB_CODEGEN_CPU_DECODE_H

#include "CodeFields.h"

namespace qopt::cpu {

/// Which partial sum each column of a chunk belongs to, and its factor.
struct DecodePlan {
  /// `chains`: how many independent partial sums the kernel wants, 1, 2 or 4.
  DecodePlan(const AffineHierarchy &hierarchy, int chains);

  int chains;
  std::vector<BitPlane> planes;
  bool nonlinear; // codes stand for values, which a lookup gives plus 128

  int chain(int column) const;
  /// r: products of this chain are too large by 2^r.
  int exponent(int chain) const;
  /// The lowest bit at which the field of a column is used in place.
  int place(int column) const { return exponent(chain(column)); }
};

/// Decodes the columns of one chunk.
class ChunkDecoder {
public:
  using Value = mlir::Value;

  /// `offsets[chain]` is the vector 2^23 + z 2^r that the chain subtracts.
  ChunkDecoder(VectorBuilder &v, const DecodePlan &plan, ChunkCodes &codes,
               llvm::ArrayRef<Value> offsets)
      : v(v), plan(plan), codes(codes), offsets(offsets) {}

  /// (v(q) - z) 2^r of one column for all rows of the block.
  Value column(int column);

private:
  /// Dword `dword` of the chunk shifted right by `shift`.
  Value dword(int dword, int shift);
  /// The bits of a column at its place.
  Value bitsOf(int column);

  VectorBuilder &v;
  const DecodePlan &plan;
  ChunkCodes &codes;
  llvm::ArrayRef<Value> offsets;
  llvm::DenseMap<std::pair<int, int>, Value> dwords;
};

/// The vectors that chains subtract: from `zeros` (codes as i32), or, if null,
/// from the constant zero of the hierarchy.
VectorBuilder::Values emitOffsets(VectorBuilder &v, const DecodePlan &plan,
                                  const AffineHierarchy &hierarchy,
                                  mlir::Value zeros);

/// A vector of f16, of any length, as f32; by integer arithmetic where the CPU
/// has no instruction, because LLVM would call a library function per element.
mlir::Value emitHalfToFloat(mlir::ImplicitLocOpBuilder &builder,
                            const CpuTarget &target, mlir::Value halves);

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_DECODE_H
