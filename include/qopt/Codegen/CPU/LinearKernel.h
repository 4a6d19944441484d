//===- LinearKernel.h - products with a packed weight -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// One kernel serves every linear of the same scheme, layout, N and K:
//
//     y[m, n] = sum over k of x[m, k] * w_hat[n, k],   m < M, M at run time
//
//     void qopt_linear_<scheme>_n<N>_k<K>(
//         const float *x,         // [M, K]
//         components...,          // of the layout, in its order: packed, ...
//         float *y,               // [M, N]
//         int64_t M);
//     void qopt_linear_<scheme>_n<N>_k<K>_blocks(
//         same..., int64_t M, int64_t firstBlock, int64_t endBlock);
//
// The second computes the outputs of some blocks of rows, and is what threads
// share the work by; any cut gives the same bits.
//
// Beside them, for a module that calls the kernel itself, one row of x in two
// steps, of which the first can be shared by linears of the same x:
//
//     void qopt_linear_<scheme>_n<N>_k<K>_prepare(const float *x,
//                                                 uint8_t *prepared);
//     void qopt_linear_<scheme>_n<N>_k<K>_row(
//         const uint8_t *prepared, components..., float *y,
//         int64_t firstBlock, int64_t endBlock);
//
// Unless the spec says `exact`, rows of x become signed bytes with a scale for
// each 32 to 256 columns (a group, or a super-block) on the way, and products
// are summed as integers. With AMX, 16 rows and more are multiplied in bf16
// instead. Apart from that choice a row of y does not depend on the rows beside
// it. Kernels keep up to 300 KiB on the stack, those for AMX up to 1.3 MiB.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_CPU_LINEARKERNEL_H
#define QOPT_CODEGEN_CPU_LINEARKERNEL_H

#include "qopt/Codegen/CPU/Target.h"
#include "qopt/Formats/Interleaved.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace qopt::cpu {

/// What a kernel is made for.
struct LinearKernelSpec {
  std::string schemeName;   // as in symbols: "int4_g128"
  InterleavedLayout layout; // of 16 rows
  bool exact = false;       // x stays in f32

  std::string symbol() const;
  std::string blocksSymbol() const { return symbol() + "_blocks"; }

  std::string prepareSymbol() const { return symbol() + "_prepare"; }
  std::string rowSymbol() const { return symbol() + "_row"; }
  /// Bytes of a prepared row, 64-byte aligned; 0 if x is not prepared.
  int64_t preparedBytes() const;
  /// Specs with the same text prepare the same row alike.
  std::string preparation() const;

  /// Why no kernel covers the matrix; empty if one does.
  std::string unsupported() const;
};

/// The memref types of x, the components, and y; x and y stand for their first
/// row only, since bare pointers need static shapes.
llvm::SmallVector<mlir::Type> kernelBufferTypes(mlir::MLIRContext *context,
                                                const LinearKernelSpec &spec);

/// Emits both functions at the insertion point, in the func, scf, vector,
/// memref and arith dialects. The spec must be supported. `suffix` is appended
/// to their names.
void emitLinearKernel(mlir::OpBuilder &builder, mlir::Location location,
                      const LinearKernelSpec &spec, const CpuTarget &target,
                      llvm::StringRef suffix = "");

} // namespace qopt::cpu

#endif // QOPT_CODEGEN_CPU_LINEARKERNEL_H
