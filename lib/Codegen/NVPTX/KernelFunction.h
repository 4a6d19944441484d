//===- KernelFunction.h - the frame of a kernel -----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_KERNELFUNCTION_H
#define QOPT_LIB_CODEGEN_NVPTX_KERNELFUNCTION_H

#include "ChunkProduct.h"
#include "qopt/Codegen/NVPTX/LinearKernels.h"

namespace qopt::nvptx {

/// The parameters of an entry, and where its thread is.
struct KernelFrame {
  mlir::gpu::GPUFuncOp function;
  mlir::Value input, output, inputRows;
  mlir::Value workspace; // null if the kernel has none
  WeightPointers weight;
  mlir::Value thread, lane, warp;
  mlir::Value shared; // address of the dynamic shared memory
};

/// Appends a function with the entry's name and parameters, and sets the
/// builder into its body, before the return.
KernelFrame beginKernel(KernelBuilder &b, const LinearSpec &spec,
                        const KernelPlan &plan, int64_t blocksPerProcessor);

/// A swizzle of 128 bytes is one of absolute addresses: the stages that wgmma
/// reads begin at multiples of 1024.
constexpr int64_t warpgroupAlignment = 1024;

/// Lets the next kernel of the stream begin; and waits until the one before it
/// has ended: until then nothing may be touched that it reads or writes.
void allowOverlap(KernelBuilder &b);
void waitForPrevious(KernelBuilder &b);

/// ldmatrix of four 8 x 8 matrices of f16 or bf16; lanes 8 i … 8 i + 7 give the
/// addresses of the rows of matrix i.
std::array<mlir::Value, 4> loadMatrices(KernelBuilder &b, mlir::Value address);

/// The bodies.
void buildStreamingKernel(KernelBuilder &b, const LinearSpec &spec,
                          const KernelPlan &plan, const KernelFrame &frame);
void buildTileKernel(KernelBuilder &b, const LinearSpec &spec,
                     const KernelPlan &plan, const KernelFrame &frame);
void buildWarpgroupKernel(KernelBuilder &b, const LinearSpec &spec,
                          const KernelPlan &plan, const KernelFrame &frame);

/// Dynamic shared memory of a kernel in bytes: fixed, and per row of x.
struct SharedBytes {
  int64_t fixed = 0, perRow = 0;
};
SharedBytes sharedBytes(const LinearSpec &spec, const StreamingShape &shape);
SharedBytes sharedBytes(const LinearSpec &spec, const TileShape &shape);
SharedBytes sharedBytes(const LinearSpec &spec, const WarpgroupShape &shape);

/// Appends the plans of the tile, or of the warpgroup kernels.
void planTiles(const LinearSpec &spec, const Target &target,
               const Tuning &tuning, std::vector<KernelPlan> &plans);
void planWarpgroups(const LinearSpec &spec, const Target &target,
                    const Tuning &tuning, std::vector<KernelPlan> &plans);

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_KERNELFUNCTION_H
