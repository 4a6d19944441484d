//===- WeightStream.h - packed weights through shared memory ----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A chunk is 128 columns of a tile of 16 rows: 1024 bytes of codes, and the
// scales and zero points of its groups. Every lane copies just what it will
// decode itself, so that nobody has to wait for another lane: cp.async, and
// later cp.async.wait_group of the same thread.
//
//     slot = [codes 2 x 32 x 16][scales g x 32 x 4][zeros g x 32 x 4]
//
// with g groups per chunk. A lane's word of scales are the two f16 of its rows;
// its word of zero points has those of its rows in one half (copies are of four
// bytes at least).
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_WEIGHTSTREAM_H
#define QOPT_LIB_CODEGEN_NVPTX_WEIGHTSTREAM_H

#include "Dequantize.h"

namespace qopt::nvptx {

/// What a lane has of a chunk: codes still in shared memory, so that they take
/// registers only when they are decoded, and the words of each group.
struct ChunkWords {
  mlir::Value codes; // address
  mlir::SmallVector<mlir::Value, 4> scales, zeros;
};

class WeightStream {
public:
  using Value = mlir::Value;

  WeightStream(KernelBuilder &b, const LinearSpec &spec, Value packed,
               Value scales, Value zeros, Value lane);

  /// Bytes of a slot.
  static int64_t slotBytes(const LinearSpec &spec);
  /// Starts to copy a chunk into the slot at `address`; zeros, which count for
  /// nothing, if it is not `present`. The caller commits.
  void copy(Value address, Value tile, Value chunk, Value present);
  /// A chunk whose copies have been waited for.
  ChunkWords read(Value address);
  /// The codes of 64 columns, a word for each 16 of them.
  std::array<Value, 4> codesOf(const ChunkWords &words, int64_t tile);
  /// What turns the codes of a group into q - z.
  Dequantizer::Offset offsetOf(const ChunkWords &words, int64_t group);

  Dequantizer decode;

private:
  KernelBuilder &b;
  const LinearSpec &spec;
  Value packed, scales, zeros; // of this lane
  Value lane16, lane4;         // where the lane's share of a slot begins
  Value zeroByte;              // of the first row, in the word of zero points
  Value policy;
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_WEIGHTSTREAM_H
