//===- consumer-opt.cpp - an opt tool of another project -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Its pipeline `consumer-gpu` takes linalg from a front end, and makes kernels
// of the linears in it for the GPU that is asked for.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/NVPTX/Passes.h"
#include "qopt/Init/InitAll.h"
#include "qopt/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

struct ConsumerOptions : mlir::PassPipelineOptions<ConsumerOptions> {
  Option<std::string> chip{*this, "chip", llvm::cl::init("sm_80")};
  Option<int64_t> group{*this, "group", llvm::cl::init(64)};
};

static void buildPipeline(mlir::OpPassManager &manager,
                          const ConsumerOptions &options) {
  manager.addPass(qopt::createRaiseToQOpt());
  qopt::RtnQuantizeOptions quantization;
  quantization.group = options.group;
  manager.addPass(qopt::createRtnQuantize(quantization));
  qopt::nvptx::LowerToNVPTXOptions lowering;
  lowering.chip = options.chip;
  qopt::nvptx::buildLowerToNVPTXPipeline(manager, lowering);
  manager.addPass(mlir::createSymbolDCEPass());
}

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<mlir::arith::ArithDialect, mlir::func::FuncDialect,
                  mlir::linalg::LinalgDialect, mlir::tensor::TensorDialect>();
  qopt::registerAllDialects(registry);
  qopt::registerAllPasses();
  mlir::PassPipelineRegistration<ConsumerOptions>(
      "consumer-gpu", "linalg -> PTX by way of qopt", buildPipeline);
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "consumer\n", registry));
}
