//===- Attention.h - queries against the cache ------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_RUNTIME_CPU_ATTENTION_H
#define QOPT_RUNTIME_CPU_ATTENTION_H

#include <cstdint>

namespace qopt::runtime {

/// Some queries that read one key/value head. The queries of a token that share
/// the head are its group; query i is number i % group of token i / group.
struct AttentionTask {
  static constexpr int64_t mostQueries = 32;

  const float *query; // of token 0 and the first head of the group
  float *output;      // likewise
  int64_t tokenStride;
  int64_t headDim, group;
  int64_t firstQuery, queries; // at most mostQueries
  int64_t past;                // positions before token 0
  const void *keys, *values;   // of the head, as KvCache has them
  int64_t valueStride;
  int64_t window; // 0: all
  float scale, softcap;
  /// Of keys and values in bytes.
  const float *keyScales = nullptr, *valueScales = nullptr;
};

/// Floats that a task needs as scratch.
int64_t attentionScratch(int64_t headDim);

/// Softmax(scale · q kᵀ) v for every query, in one pass over the positions: of
/// 64 at a time come scores; the running sums are scaled by what the largest
/// score so far has grown (Milakov and Gimelshein, arXiv 1805.02867).
using AttendFunction = void (*)(const AttentionTask &task, float *scratch);

/// For each type of cache, f16 and f32.
struct AttentionKernels {
  AttendFunction half, single, bytes;
  /// f32 to f16.
  void (*narrow)(const float *source, uint16_t *target, int64_t count);
  /// To multiples of max |x| / 127, which is returned.
  float (*quantize)(const float *source, int8_t *target, int64_t count);
};
extern const AttentionKernels attentionBaseline, attentionAvx2, attentionAvx512;
/// The best that this processor executes.
const AttentionKernels &attentionKernels();

} // namespace qopt::runtime

#endif // QOPT_RUNTIME_CPU_ATTENTION_H
