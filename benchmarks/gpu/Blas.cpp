//===- Blas.cpp - the products of cuBLAS ----------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Blas.h"

static void check(cublasStatus_t status) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw std::runtime_error(std::string("cuBLAS: ") +
                             cublasGetStatusString(status));
}

Blas::Blas() : workspace(64 << 20) { check(cublasCreate(&handle)); }

Blas::~Blas() { cublasDestroy(handle); }

// cuBLAS counts by columns: yᵀ [n, m] = W · xᵀ.

void Blas::product(const float *x, const float *w, float *y, int64_t m,
                   int64_t n, int64_t k, cudaStream_t stream) {
  const float one = 1, zero = 0;
  check(cublasSetStream(handle, stream));
  check(cublasSetWorkspace(handle, workspace.get(), workspace.size()));
  check(cublasSgemm(handle, CUBLAS_OP_T, CUBLAS_OP_N, n, m, k, &one, w, k, x, k,
                    &zero, y, n));
}

void Blas::product(const void *x, const void *w, void *y, Activation type,
                   int64_t m, int64_t n, int64_t k, cudaStream_t stream) {
  const float one = 1, zero = 0;
  cudaDataType_t data = type == Activation::F16 ? CUDA_R_16F : CUDA_R_16BF;
  check(cublasSetStream(handle, stream));
  check(cublasSetWorkspace(handle, workspace.get(), workspace.size()));
  check(cublasGemmEx(handle, CUBLAS_OP_T, CUBLAS_OP_N, n, m, k, &one, w, data,
                     k, x, data, k, &zero, y, data, n, CUBLAS_COMPUTE_32F,
                     CUBLAS_GEMM_DEFAULT));
}
