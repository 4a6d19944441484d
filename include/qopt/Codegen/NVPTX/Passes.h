//===- Passes.h - from quantized linears to PTX -----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_NVPTX_PASSES_H
#define QOPT_CODEGEN_NVPTX_PASSES_H

#include "qopt/Codegen/NVPTX/ActivationType.h"
#include "qopt/Support/Error.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

namespace qopt::nvptx {

#define GEN_PASS_DECL
#include "qopt/Codegen/NVPTX/Passes.h.inc"

struct LowerToNVPTXOptions : mlir::PassPipelineOptions<LowerToNVPTXOptions> {
  Option<std::string> chip{
      *this, "chip",
      llvm::cl::desc("sm_80, sm_86, sm_89, sm_90, sm_90a or sm_100"),
      llvm::cl::init("sm_80")};
  Option<ActivationType> activations{
      *this, "activations", llvm::cl::desc("type of x and y in memory"),
      llvm::cl::init(ActivationType::F16),
      llvm::cl::values(clEnumValN(ActivationType::F16, "f16", "IEEE half"),
                       clEnumValN(ActivationType::BF16, "bf16", "bfloat16"))};
  ListOption<std::string> warpgroupShapes{
      *this, "warpgroup-shapes",
      llvm::cl::desc("sm_90a: shapes of kernels, for tests and tuning")};
  Option<int64_t> stripes{
      *this, "stripes",
      llvm::cl::desc("blocks that share all tiles equally; 0: none do, -1: "
                     "chosen; for tests and tuning"),
      llvm::cl::init(-1)};
  Option<int64_t> processors{
      *this, "processors",
      llvm::cl::desc("multiprocessors to share work out to; 0: those of the "
                     "largest GPU with this chip"),
      llvm::cl::init(0)};
  Option<std::string> archive{
      *this, "archive",
      llvm::cl::desc("where packed weights go that came from a file; default: "
                     "<stem of -o>.weights.safetensors")};
};

/// From quantized linears to one `gpu.binary` with PTX: packs the weights,
/// outlines the kernels and compiles them. The host code stays at the level of
/// tensors and gpu.launch_func.
void buildLowerToNVPTXPipeline(mlir::OpPassManager &manager,
                               const LowerToNVPTXOptions &options);

/// Registers convert-linear-to-gpu and the pipeline lower-to-nvptx.
void registerNVPTXPasses();

/// What the serializer needs beside registerAllDialects and
/// registerAllExtensions.
void registerNVPTXTranslations(mlir::DialectRegistry &registry);

/// The text of the module's PTX; an error if it holds none.
Result<std::string> emitPtx(mlir::ModuleOp module);

/// The PTX assembled by ptxas for the module's chip; usage error where ptxas is
/// not installed.
Result<std::string> emitCubin(mlir::ModuleOp module);

#define GEN_PASS_REGISTRATION
#include "qopt/Codegen/NVPTX/Passes.h.inc"

} // namespace qopt::nvptx

#endif // QOPT_CODEGEN_NVPTX_PASSES_H
