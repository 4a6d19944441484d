//===- CodeFields.h - emission: stored dwords to bytes of codes -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Step t of a chunk is its columns 4 t … 4 t + 3: one byte each, one dword per
// row. A plane of width p holds them in a field of every byte of one dword,
// p * k above bit 0. Two ways lead to a dot product:
//
// - codes(t): fields of all planes, shifted down and put together;
// - in place: a field that is only masked is the field times 2^shift, and so is
//   its dot product. Products with one plane and shift go to a *chain*, and
//   chains are put together once per group: shifting sums instead of codes.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_CODEFIELDS_H
#define QOPT_LIB_CODEGEN_CPU_CODEFIELDS_H

#include "IntegerDot.h"
#include "qopt/Formats/Interleaved.h"

#include "llvm/ADT/DenseMap.h"

namespace qopt::cpu {

/// The sums that in-place products of a group go to.
class ChainPlan {
public:
  /// `groupChunks`: chunks of a group, ½ for 16 columns.
  ChainPlan(const AffineHierarchy &hierarchy, double groupChunks,
            const IntegerDot &unit);

  struct Chain {
    int plane, shift;
  };
  llvm::ArrayRef<Chain> chains() const { return all; }
  bool inPlace(int plane) const { return masked[plane]; }
  /// The chain that step t's field of a plane belongs to.
  int chain(int plane, int step) const;

  std::vector<BitPlane> planes;

private:
  llvm::SmallVector<Chain> all;
  llvm::SmallVector<bool> masked;
};

/// The codes of one chunk of one block of rows, loaded once.
class ChunkCodes {
public:
  using Value = mlir::Value;

  ChunkCodes(VectorBuilder &v, IntegerDot &unit,
             const AffineHierarchy &hierarchy, Value packed, Value block,
             Value chunk)
      : v(v), unit(unit), hierarchy(hierarchy), packed(packed), block(block),
        chunk(chunk), planes(bitPlanes(hierarchy.bits)) {}

  /// v(q) of a step, one per byte, unsigned: 128 is added to looked-up values.
  Value codes(int step);
  /// The field of a plane, at the bit where it is stored or shifted to bit 0.
  Value field(int plane, int step, bool inPlace);

  /// Bits of what codes() gives.
  static int codeBits(const AffineHierarchy &hierarchy) {
    return hierarchy.values ? 8 : hierarchy.bits;
  }

  /// A stored dword of the chunk, in every row.
  Value dword(int index);

private:
  VectorBuilder &v;
  IntegerDot &unit;
  const AffineHierarchy &hierarchy;
  Value packed, block, chunk;
  std::vector<BitPlane> planes;
  llvm::DenseMap<int, Value> loaded;
};

/// Fetches the codes that are `distance` chunks after a chunk into the
/// first-level cache; chunks of all blocks follow each other.
void prefetchCodes(VectorBuilder &v, const InterleavedLayout &layout,
                   mlir::Value packed, mlir::Value block, mlir::Value chunk,
                   int64_t distance);

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_CODEFIELDS_H
