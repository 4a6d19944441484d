//===- LinalgJit.h - runs modules of upstream dialects ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// What mlir-opt and mlir-runner do with a module of linalg on tensors.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TEST_UNIT_TRANSFORMS_LINALGJIT_H
#define QOPT_TEST_UNIT_TRANSFORMS_LINALGJIT_H

#include "qopt/Interp/Tensor.h"
#include "qopt/Transforms/Passes.h"

#include "mlir/ExecutionEngine/CRunnerUtils.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/Support/TargetSelect.h"

#include <gtest/gtest.h>

namespace qopt::test {

/// Everything upstream, and the passes of qopt.
inline void registerUpstream(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  static const bool once = [] {
    mlir::registerAllPasses();
    registerQOptPasses();
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)once;
}

inline bool runPipeline(mlir::ModuleOp module, llvm::StringRef pipeline) {
  mlir::PassManager manager(module.getContext());
  return succeeded(mlir::parsePassPipeline(pipeline, manager)) &&
         succeeded(manager.run(module));
}

/// Functions from one f32 matrix to one, compiled.
class LinalgJit {
public:
  explicit LinalgJit(mlir::ModuleOp module) {
    module.walk([](mlir::func::FuncOp function) {
      function->setAttr("llvm.emit_c_interface",
                        mlir::UnitAttr::get(function.getContext()));
    });
    EXPECT_TRUE(runPipeline(
        module,
        "func.func(convert-elementwise-to-linalg),"
        "one-shot-bufferize{bufferize-function-boundaries "
        "function-boundary-type-conversion=identity-layout-map},"
        "buffer-deallocation-pipeline,convert-bufferization-to-memref,"
        "convert-linalg-to-loops,lower-affine,convert-scf-to-cf,"
        "expand-strided-metadata,lower-affine,convert-math-to-llvm,"
        "convert-math-to-libm,"
        "finalize-memref-to-llvm,convert-arith-to-llvm,convert-index-to-llvm,"
        "convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts"));
    mlir::ExecutionEngineOptions options;
    options.jitCodeGenOptLevel = llvm::CodeGenOptLevel::None;
    auto made = mlir::ExecutionEngine::create(module, options);
    if (made)
      engine = std::move(*made);
    else
      ADD_FAILURE() << llvm::toString(made.takeError());
  }

  Tensor run(llvm::StringRef name, const Tensor &given) {
    Tensor x = Tensor::copyOf(given.matrix()); // arguments may be overwritten
    StridedMemRefType<float, 2> input, result{};
    input.basePtr = input.data = x.mutableValues().data();
    input.offset = 0;
    input.sizes[0] = x.rows(), input.sizes[1] = x.columns();
    input.strides[0] = x.columns(), input.strides[1] = 1;
    void *inputPointer = &input, *resultPointer = &result;
    void *arguments[] = {&resultPointer, &inputPointer};
    std::string symbol = "_mlir_ciface_" + name.str();
    if (llvm::Error error = engine->invokePacked(symbol, arguments)) {
      ADD_FAILURE() << llvm::toString(std::move(error));
      return {};
    }
    Tensor output = Tensor::copyOf(
        {result.data + result.offset, result.sizes[0], result.sizes[1]});
    if (result.basePtr != input.basePtr)
      std::free(result.basePtr);
    return output;
  }

private:
  std::unique_ptr<mlir::ExecutionEngine> engine;
};

/// By default both are sums of products in f32, added in different orders.
inline void expectNear(const Tensor &actual, const Tensor &expected,
                       float tolerance = 2e-5f) {
  ASSERT_EQ(actual.rows(), expected.rows());
  ASSERT_EQ(actual.columns(), expected.columns());
  float largest = 0;
  for (float value : expected.values())
    largest = std::max(largest, std::abs(value));
  ASSERT_GT(largest, 0);
  for (int64_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(actual.values()[i], expected.values()[i], tolerance * largest);
}

} // namespace qopt::test

#endif // QOPT_TEST_UNIT_TRANSFORMS_LINALGJIT_H
