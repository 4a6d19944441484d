//===- Pipeline.cpp - lower-to-nvptx, and the text it gives --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/NVPTX/Passes.h"
#include "qopt/Transforms/Passes.h"

#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVM/NVVM/Target.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace qopt;

void nvptx::buildLowerToNVPTXPipeline(OpPassManager &manager,
                                      const LowerToNVPTXOptions &options) {
  manager.addPass(createSortColumns());
  PackWeightsOptions pack;
  pack.target = "nvptx";
  pack.archive = options.archive;
  manager.addPass(createPackWeights(pack));
  ConvertLinearToGPUOptions linear;
  linear.chip = options.chip;
  linear.activations = options.activations;
  linear.warpgroupShapes.assign(options.warpgroupShapes.begin(),
                                options.warpgroupShapes.end());
  linear.stripes = options.stripes;
  linear.processors = options.processors;
  manager.addPass(createConvertLinearToGPU(linear));

  OpPassManager &kernels = manager.nest<gpu::GPUModuleOp>();
  kernels.addPass(createSCFToControlFlowPass());
  ConvertGpuOpsToNVVMOpsOptions toNVVM;
  toNVVM.useBarePtrCallConv = true;
  kernels.addPass(createConvertGpuOpsToNVVMOps(toNVVM));
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());

  GpuModuleToBinaryPassOptions binary;
  binary.compilationTarget = "isa";
  manager.addPass(createGpuModuleToBinaryPass(binary));
}

void nvptx::registerNVPTXPasses() {
  registerQOptNVPTXPasses();
  PassPipelineRegistration<LowerToNVPTXOptions>(
      "lower-to-nvptx",
      "pack quantized weights and turn their linears into PTX kernels",
      buildLowerToNVPTXPipeline);
}

void nvptx::registerNVPTXTranslations(DialectRegistry &registry) {
  NVVM::registerNVVMTargetInterfaceExternalModels(registry);
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

Result<std::string> nvptx::emitPtx(ModuleOp module) {
  for (auto binary : module.getOps<gpu::BinaryOp>())
    for (Attribute attribute : binary.getObjects()) {
      auto object = cast<gpu::ObjectAttr>(attribute);
      if (object.getFormat() == gpu::CompilationTarget::Assembly)
        return object.getObject().getValue().rtrim('\0').str();
    }
  return badInput("the module holds no PTX: no linear was lowered by "
                  "--lower-to-nvptx");
}
