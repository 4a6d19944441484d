//===- Gemm.h - dense matrix products ---------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// All products are of row-major matrices with any row stride. An element of a
// result is always summed in the same order, whatever the number of threads.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_GEMM_H
#define QOPT_NUMERICS_GEMM_H

#include "qopt/Numerics/ComputeContext.h"
#include "qopt/Numerics/MatrixView.h"

namespace qopt {

/// y[M, N] = x[M, K] · w[N, K]ᵀ: a linear without its bias. Few rows (decoding)
/// take a path that reads w once and packs nothing. y must not overlap x or w.
void gemm(const ComputeContext &context, ConstMatrix x, ConstMatrix w,
          MutableMatrix y);

/// c[M, N] = a[M, K] · b[K, N].
void matmul(const ComputeContext &context, ConstMatrix a, ConstMatrix b,
            MutableMatrix c);

/// c[M, N] −= a[M, K] · b[K, N].
void gemmSubtract(const ComputeContext &context, ConstMatrix a, ConstMatrix b,
                  MutableMatrix c);
void gemmSubtract(const ComputeContext &context, MatrixView<const double> a,
                  MatrixView<const double> b, MatrixView<double> c);

/// h[K, K] += x[n, K]ᵀ · x, on and above the diagonal; below it h is left
/// alone. Sums of at most 1024 rows are formed in f32 and added up in f64.
void syrk(const ComputeContext &context, ConstMatrix x, MatrixView<double> h);

/// Copies what is above the diagonal of a square matrix below it.
void mirrorUpper(const ComputeContext &context, MatrixView<double> h);

} // namespace qopt

#endif // QOPT_NUMERICS_GEMM_H
