//===- Kernels.h - the harness's own kernels --------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_BENCHMARKS_GPU_KERNELS_H
#define QOPT_BENCHMARKS_GPU_KERNELS_H

#include "Layouts.h"

#include <cuda_runtime.h>

enum class Activation { F16, BF16 };

/// Random codes everywhere; scales for which weights are around 0.1 · `size`,
/// but 0 in padded rows and in groups beyond k; zero points anywhere in the
/// range of a code, and minima for which weights have both signs.
void fillWeight(const WeightFormat &format, const WeightPointers &weight,
                uint32_t seed, float size, cudaStream_t stream);
/// Numbers in [-1, 1) of two-byte type `type`.
void fillActivations(void *values, int64_t count, Activation type,
                     uint32_t seed, cudaStream_t stream);
/// The weight as f32 [n, k].
void decodeWeight(const WeightFormat &format, const WeightPointers &weight,
                  float *dense, cudaStream_t stream);
void widen(const void *values, float *wide, int64_t count, Activation type,
           cudaStream_t stream);

/// Sums over y - reference; zeroed by compare().
struct Difference {
  double sumError, sumReference, sumSquares; // |y - r|, |r|, r²
  float maxError;
  unsigned long long notNumbers; // NaN and infinities of y
};
void compare(const void *y, const float *reference, int64_t count,
             Activation type, Difference *difference, cudaStream_t stream);
/// Counts the bytes that are not `value` (adds to `count`).
void countOther(const uint8_t *bytes, int64_t size, uint8_t value,
                unsigned long long *count, cudaStream_t stream);
/// Counts the 2-byte words that differ (adds to `count`).
void countDifferent(const void *a, const void *b, int64_t words,
                    unsigned long long *count, cudaStream_t stream);
/// Reads `bytes` (a multiple of 16) and writes nothing.
void readAll(const void *data, int64_t bytes, cudaStream_t stream);
/// What a launch costs that does nothing.
void doNothing(cudaStream_t stream);

#endif // QOPT_BENCHMARKS_GPU_KERNELS_H
