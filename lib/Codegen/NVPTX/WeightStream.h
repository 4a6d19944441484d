//===- WeightStream.h - packed weights through shared memory ----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A chunk is 128 columns of a tile of 16 rows. A warp copies its codes and the
// records of its groups, as they lie in memory, into a slot:
//
//     slot = [codes 2 x 128 b][scales][zeros][super_scales]
//
// with cp.async, 16 bytes per lane. A lane reads what others have copied: after
// it has waited for its own copies the warp has to meet. Two warps may share a
// slot, and have 64 columns each.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_WEIGHTSTREAM_H
#define QOPT_LIB_CODEGEN_NVPTX_WEIGHTSTREAM_H

#include "Parameters.h"

namespace qopt::nvptx {

/// The components of a packed weight in global memory; null what it lacks.
struct WeightPointers {
  mlir::Value packed, scales, zeros, superScales;
};

class WeightStream {
public:
  using Value = mlir::Value;

  /// With `half`, 0 or 1, this warp uses only those 64 columns of a chunk.
  WeightStream(KernelBuilder &b, const LinearSpec &spec,
               const WeightPointers &pointers, Value lane,
               Value half = nullptr);

  /// Bytes of a slot, a multiple of 16.
  static int64_t slotBytes(const LinearSpec &spec);
  /// Starts to copy a chunk into the slot at `address`; zeros, which count for
  /// nothing, if it is not `present`. The caller commits.
  void copy(Value address, Value tile, Value chunk, Value present);
  // Of a chunk whose copies all lanes have waited for, in the slot at
  // `address`: read when they are used, so that they take registers only then.
  /// The codes of 64 columns, and the parameters of a group, counted from the
  /// first column that this warp uses.
  Dequantizer::CodeWords codes(Value address, int64_t tile);
  ParameterWords parametersOf(Value address, int64_t group);
  /// Of a chunk: the columns that this warp uses, and their groups, at least
  /// one.
  int64_t columns() const;
  int64_t groups() const;

  Dequantizer decode;
  Parameters parameters;

private:
  /// Copies `bytes` from record number `index` of a component.
  void copyRecords(Value address, Value component, Value index,
                   int64_t recordBytes, int64_t bytes, Value present,
                   Value policy = nullptr);
  /// The group, or with levels the super-block, that a chunk begins with.
  Value firstOf(Value chunk, int64_t columns);

  KernelBuilder &b;
  const LinearSpec &spec;
  WeightPointers pointers; // of this lane's 16 bytes
  Value lane, lane16;
  Value half;
  Value policy;
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_WEIGHTSTREAM_H
