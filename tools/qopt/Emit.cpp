//===- Emit.cpp - what --emit=KIND writes --------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Emit.h"

#include "qopt/Codegen/CPU/ObjectFile.h"
#include "qopt/Codegen/NVPTX/Passes.h"

#include "mlir/Pass/Pass.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace qopt;

static constexpr Product products[] = {
    {"ptx", nvptx::emitPtx},   {"cubin", nvptx::emitCubin},
    {"obj", cpu::emitObject},  {"so", cpu::emitSharedObject},
    {"llvm", cpu::emitLlvmIr},
};

Result<const Product *> qopt::findProduct(std::string_view kind) {
  std::string known = "mlir, mlirbc";
  for (const Product &product : products) {
    if (product.kind == kind)
      return &product;
    known += ", " + std::string(product.kind);
  }
  return usageError("--emit=", kind, " is unknown; known are ", known);
}

namespace {
/// The last pass: takes the product out of the module.
struct EmitPass : PassWrapper<EmitPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EmitPass)

  /// Does nothing: what a reproducer's pipeline names.
  EmitPass() = default;
  EmitPass(const Product &product, std::optional<std::string> &content)
      : product(&product), output(&content) {}

  StringRef getArgument() const override { return "emit-product"; }
  StringRef getDescription() const override {
    return "Done by the driver at the end";
  }

  void runOnOperation() override {
    if (!product)
      return;
    std::optional<std::string> &content = *output;
    if (content) {
      getOperation().emitError("--emit writes one module, but the input holds "
                               "several");
      return signalPassFailure();
    }
    Result<std::string> result = product->emit(getOperation());
    if (!result) {
      getOperation().emitError() << result.error().message;
      return signalPassFailure();
    }
    content = std::move(*result);
  }

  const Product *product = nullptr;
  std::optional<std::string> *output = nullptr;
};
} // namespace

std::unique_ptr<Pass>
qopt::createEmitPass(const Product &product,
                     std::optional<std::string> &content) {
  return std::make_unique<EmitPass>(product, content);
}

void qopt::registerEmitPass() { PassRegistration<EmitPass>(); }
