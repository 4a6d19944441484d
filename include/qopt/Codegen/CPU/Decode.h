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
#ifndef QOPT_CODEGEN_CPU_DECODE_H
#define QOPT_CODEGEN_CPU_DECODE_H

#include "qopt/Codegen/CPU/Target.h"
#include "qopt/Formats/Interleaved.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include <functional>

namespace qopt::cpu {

/// Which partial sum each column of a chunk belongs to, and its factor.
struct DecodePlan {
  /// `chains`: how many independent partial sums the kernel wants, 1, 2 or 4.
  DecodePlan(int bits, int chains);

  int chains;
  std::vector<BitPlane> planes;

  int chain(int column) const;
  /// r: products of this chain are too large by 2^r.
  int exponent(int chain) const;
  /// The lowest bit at which the field of a column is used in place.
  int place(int column) const { return exponent(chain(column)); }
};

/// Decodes the columns of one chunk, whose dwords are loaded on demand.
class ChunkDecoder {
public:
  /// `offsets[chain]` is the vector 2^23 + z 2^r that the chain subtracts.
  ChunkDecoder(mlir::ImplicitLocOpBuilder &builder, const DecodePlan &plan,
               std::function<mlir::Value(int dword)> load,
               llvm::ArrayRef<mlir::Value> offsets)
      : builder(builder), plan(plan), load(std::move(load)), offsets(offsets) {}

  /// (q - z) 2^r of one column for all rows of the block.
  mlir::Value column(int column);

private:
  /// Dword `dword` of the chunk shifted right by `shift`.
  mlir::Value dword(int dword, int shift);

  mlir::ImplicitLocOpBuilder &builder;
  const DecodePlan &plan;
  std::function<mlir::Value(int)> load;
  llvm::ArrayRef<mlir::Value> offsets;
  llvm::DenseMap<std::pair<int, int>, mlir::Value> dwords;
};

/// The vectors that chains subtract: from `zeros` (i8 codes), or, if null, from
/// the zero point of a symmetric scheme.
llvm::SmallVector<mlir::Value> emitOffsets(mlir::ImplicitLocOpBuilder &builder,
                                           const DecodePlan &plan,
                                           const InterleavedLayout &layout,
                                           mlir::Value zeros);

/// A vector of f16 as f32; by integer arithmetic where the CPU has no
/// instruction, because LLVM would call a library function per element.
mlir::Value emitHalfToFloat(mlir::ImplicitLocOpBuilder &builder,
                            const CpuTarget &target, mlir::Value halves);

} // namespace qopt::cpu

#endif // QOPT_CODEGEN_CPU_DECODE_H
