//===- Activations.h - rows of x as signed bytes ----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The columns of a segment share one scale: a super-block of the weights, or a
// group where there is none, cut into pieces of 256 columns. In a segment
//
//     a = max |x| / 127,   xq = round_half_even(x * 127 / max |x|)
//
// (0 where all are 0), so that x ~ a xq, and with the weights of a group
//
//     sum of x w_hat ~ a (S (sum of v(q) xq - zero sum of xq) - M sum of xq).
//
// Beside xq and a, what the kernel needs of each group's sum of xq is kept.
// Segments consist of whole chunks of 32 columns as the weights do; padding is
// zero, so kernels know no tails.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_ACTIVATIONS_H
#define QOPT_LIB_CODEGEN_CPU_ACTIVATIONS_H

#include "VectorBuilder.h"
#include "qopt/Formats/Interleaved.h"

namespace qopt::cpu {

/// How the columns of a weight are cut for integer products.
struct SegmentPlan {
  static constexpr int64_t maxChunks = 8;

  explicit SegmentPlan(const InterleavedLayout &layout);

  int64_t chunksPerRun, segmentsPerRun;
  int64_t chunks;           // of a row
  int64_t segments;         // of a row; trailing ones may be empty
  int64_t chunksPerSegment; // of every segment but the last of a run
  /// Groups, and so sums, of a segment: 1, or those of a super-block.
  int64_t groupsPerSegment;
  /// What is subtracted from a code as a constant; values are stored with 128
  /// added, so that they are unsigned.
  int zero;
  /// Whether all segments have the same number of chunks.
  bool regular;
};

/// One tile of quantized rows.
class Activations {
public:
  using Value = mlir::Value;

  /// `storage`: memory for `rows` rows, memref<bytes(layout, rows) x i8>; if
  /// null, it is on the stack.
  Activations(VectorBuilder &v, const InterleavedLayout &layout, int64_t rows,
              Value storage = nullptr);

  /// Bytes of the codes of one row.
  static int64_t rowBytes(const SegmentPlan &plan) {
    return 4 * dwordsPerRow(plan);
  }
  /// Bytes of everything that belongs to some rows.
  static int64_t bytes(const InterleavedLayout &layout, int64_t rows) {
    return Places(layout, rows).end;
  }

  /// Quantizes rows [first, first + count) of x.
  void quantize(Value x, Value first, Value count);

  /// The first chunk of a segment, and how many it has.
  Value firstChunk(Value segment);
  Value chunkCount(Value segment);

  /// Four columns of a row in every lane: dword `step` of a chunk.
  Value columns(Value row, Value chunk, int step) {
    return v.broadcastLoad(codes, {row, v.add(v.times(chunk, 8), step)});
  }
  /// a, in every lane.
  Value scale(Value row, Value segment) {
    return v.broadcastLoad(scales, {row, segment});
  }
  /// What the hierarchy needs of a group's sum, in every lane: - zero sum, -
  /// sum (zero points) or sum (levels) in i32; a sum in f32 (minima in f16).
  Value sum(Value row, Value group) {
    return v.broadcastLoad(sums, {row, group});
  }

  const SegmentPlan plan;

private:
  // Rows must not lie a power of two apart: they would share sets of the cache.
  static constexpr int64_t rowPadding = 16; // dwords
  static int64_t dwordsPerRow(const SegmentPlan &plan) {
    return plan.chunks * 8 + rowPadding;
  }
  /// Where codes, scales and sums lie in the storage.
  struct Places {
    Places(const InterleavedLayout &layout, int64_t rows);
    int64_t scaleColumns, sumColumns; // with padding
    int64_t scales, sums, end;        // bytes
  };
  void quantizeSegment(Value x, Value source, Value row, Value segment);
  /// 16 columns of x from `column` on; zero from `end` on.
  Value loadColumns(Value x, Value source, Value column, Value end);
  /// Codes of 16 columns: stores them and returns them as i32.
  Value storeCodes(Value vector, Value inverse, Value row, Value dword);
  void storeSum(Value codes, Value scale, Value row, Value group);

  VectorBuilder &v;
  const InterleavedLayout &layout;
  Value codes, scales, sums;
};

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_ACTIVATIONS_H
