//===- PermuteKernel.h - columns of x in another order ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_PERMUTEKERNEL_H
#define QOPT_LIB_CODEGEN_NVPTX_PERMUTEKERNEL_H

#include "qopt/Codegen/NVPTX/KernelSpec.h"
#include "qopt/Codegen/NVPTX/Targets.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace qopt::nvptx {

/// y[m, i] = x[m, order[i]], x and y [M, K] of two-byte elements, K a multiple
/// of 8.
struct PermutePlan {
  std::string entry;
  int64_t columns = 0; // K
  LaunchShape launch;
};
PermutePlan planPermute(int64_t columns, const Target &target);

/// Appends the kernel to `module`. Parameters: pointers to x, order [K] i32 and
/// y on the device, 16-byte aligned; then M as i32.
mlir::gpu::GPUFuncOp buildPermuteKernel(mlir::gpu::GPUModuleOp module,
                                        mlir::Location location,
                                        const PermutePlan &plan);

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_PERMUTEKERNEL_H
