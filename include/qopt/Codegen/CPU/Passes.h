//===- Passes.h - lowering to CPU kernels -----------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_CPU_PASSES_H
#define QOPT_CODEGEN_CPU_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"

namespace qopt::cpu {

/// The nested module that holds the kernels.
inline constexpr llvm::StringLiteral kernelModuleName = "qopt_cpu_kernels";

/// The module of kernels in `module`, or `module` itself if it is the one; null
/// if there is none.
mlir::ModuleOp findKernelModule(mlir::ModuleOp module);

struct LowerToLLVMCPUOptions
    : mlir::PassPipelineOptions<LowerToLLVMCPUOptions> {
  Option<std::string> cpu{
      *this, "cpu",
      llvm::cl::desc(
          "The CPU to make kernels for, as LLVM names it, or 'host'; several, "
          "the best first, make kernels that choose: 'znver4,x86-64-v3'"),
      llvm::cl::init("host")};
  Option<std::string> features{
      *this, "features",
      llvm::cl::desc("CPU features to add or take away: '+avx2,-fma'"),
      llvm::cl::init("")};
  Option<std::string> triple{
      *this, "triple",
      llvm::cl::desc(
          "The LLVM target triple; by default the one of this machine"),
      llvm::cl::init("")};
  Option<bool> exact{
      *this, "exact",
      llvm::cl::desc(
          "Keep activations in f32 instead of rounding them to bytes"),
      llvm::cl::init(false)};
};

/// `lower-to-llvm-cpu`: linears become calls of kernels, and the module of
/// kernels is lowered to the LLVM dialect. Other operations stay as they are.
void buildLowerToLLVMCPUPipeline(mlir::OpPassManager &manager,
                                 const LowerToLLVMCPUOptions &options);

/// Lowers a module of func, scf, vector, memref and arith to the LLVM dialect
/// with bare pointers for memrefs.
void buildKernelLoweringPipeline(mlir::OpPassManager &manager);

#define GEN_PASS_DECL
#include "qopt/Codegen/CPU/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "qopt/Codegen/CPU/Passes.h.inc"

/// Registers the passes and the pipeline.
void registerCPUCodegen();

} // namespace qopt::cpu

#endif // QOPT_CODEGEN_CPU_PASSES_H
