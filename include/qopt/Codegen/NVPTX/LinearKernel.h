//===- LinearKernel.h - the fused dequantization kernel ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// y = x · Wᵀ, x [M, K], W [N, K] in 4 bits, y [M, N].
//
//   grid.x   one block for each 32 outputs (n)
//   grid.y   any number: blocks stride over the tiles of 16 rows of x (m)
//   block    up to 16 warps; warp w takes the chunks w, w + warps, … of 128
//            columns (k)
//
// A warp brings a chunk with four 16-byte loads per lane, straight into
// registers: a weight is used once per 16 rows of x, so shared memory would
// only add a trip. Codes become exact small numbers in f16 or bf16, mma.sync
// sums the products of a group in f32, and the group's scale multiplies that
// sum: no rounding happens before the final one of y, whatever the scale.
// Partial sums of the warps meet in shared memory and are added in the order of
// the warps, so a result never depends on timing.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_NVPTX_LINEARKERNEL_H
#define QOPT_CODEGEN_NVPTX_LINEARKERNEL_H

#include "qopt/Codegen/NVPTX/KernelSpec.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace qopt::nvptx {

/// Appends the kernel to `module`. Parameters: pointers to x, the components
/// packed, scales and (unless symmetric) zeros of the weight, and y, all on the
/// device and 16-byte aligned; then M as i32.
mlir::gpu::GPUFuncOp buildLinearKernel(mlir::gpu::GPUModuleOp module,
                                       mlir::Location location,
                                       const LinearKernelSpec &spec);

} // namespace qopt::nvptx

#endif // QOPT_CODEGEN_NVPTX_LINEARKERNEL_H
