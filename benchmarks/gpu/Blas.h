//===- Blas.h - the products of cuBLAS --------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_BENCHMARKS_GPU_BLAS_H
#define QOPT_BENCHMARKS_GPU_BLAS_H

#include "Device.h"
#include "Kernels.h"

#include <cublas_v2.h>

/// y [m, n] = x [m, k] · Wᵀ, W [n, k], all by rows.
class Blas {
public:
  Blas();
  ~Blas();
  /// In f32 throughout.
  void product(const float *x, const float *w, float *y, int64_t m, int64_t n,
               int64_t k, cudaStream_t stream);
  /// In f16 or bf16 with f32 sums: what kernels are compared with.
  void product(const void *x, const void *w, void *y, Activation type,
               int64_t m, int64_t n, int64_t k, cudaStream_t stream);

private:
  cublasHandle_t handle = nullptr;
  Buffer workspace; // of our own, so that products can be captured
};

#endif // QOPT_BENCHMARKS_GPU_BLAS_H
