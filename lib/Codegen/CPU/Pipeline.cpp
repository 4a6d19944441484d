//===- Pipeline.cpp - lowering the module of CPU kernels to LLVM ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/CPU/Passes.h"
#include "qopt/Transforms/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace qopt::cpu {
#define GEN_PASS_DEF_LOWERCPUKERNELS
#include "qopt/Codegen/CPU/Passes.h.inc"

ModuleOp findKernelModule(ModuleOp module) {
  if (module.getSymName() == kernelModuleName)
    return module;
  return module.lookupSymbol<ModuleOp>(kernelModuleName);
}

void buildKernelLoweringPipeline(OpPassManager &manager) {
  // Function by function as far as possible, which takes several threads.
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
  functions.addPass(createConvertVectorToSCFPass());
  functions.addPass(createSCFToControlFlowPass());
  functions.addPass(memref::createExpandStridedMetadataPass());
  functions.addPass(createLowerAffinePass());
  ConvertVectorToLLVMPassOptions vectors;
  vectors.amx = true;
  manager.addPass(createConvertVectorToLLVMPass(vectors));
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertIndexToLLVMPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  ConvertFuncToLLVMPassOptions calls;
  calls.useBarePtrCallConv = true;
  manager.addPass(createConvertFuncToLLVMPass(calls));
  OpPassManager &lowered = manager.nest<LLVM::LLVMFuncOp>();
  lowered.addPass(createCanonicalizerPass());
  lowered.addPass(createCSEPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

namespace {
struct LowerCPUKernels : impl::LowerCPUKernelsBase<LowerCPUKernels> {
  LowerCPUKernels() : lowering(ModuleOp::getOperationName()) {
    buildKernelLoweringPipeline(lowering);
  }
  LowerCPUKernels(const LowerCPUKernels &other) : LowerCPUKernels() {}

  void getDependentDialects(DialectRegistry &registry) const override {
    lowering.getDependentDialects(registry);
  }
  void runOnOperation() override {
    ModuleOp kernels = findKernelModule(getOperation());
    if (!kernels)
      return;
    if (failed(runPipeline(lowering, kernels)))
      return signalPassFailure();
    loweredFunctions += llvm::range_size(kernels.getOps<LLVM::LLVMFuncOp>());
  }

  OpPassManager lowering;
};
} // namespace

void buildLowerToLLVMCPUPipeline(OpPassManager &manager,
                                 const LowerToLLVMCPUOptions &options) {
  manager.addPass(createSortColumns());
  PackWeightsOptions pack;
  pack.target = "cpu";
  manager.addPass(createPackWeights(pack));
  ConvertLinearToCPUOptions conversion;
  conversion.cpu = options.cpu;
  conversion.features = options.features;
  conversion.triple = options.triple;
  conversion.exact = options.exact;
  manager.addPass(createConvertLinearToCPU(conversion));
  manager.addPass(createLowerCPUKernels());
}

void registerCPUCodegen() {
  registerCPUCodegenPasses();
  PassPipelineRegistration<LowerToLLVMCPUOptions>(
      "lower-to-llvm-cpu",
      "qopt.linear -> vectorized kernels in the LLVM dialect",
      buildLowerToLLVMCPUPipeline);
}
} // namespace qopt::cpu
