//===- Emit.cpp - what --emit=KIND writes --------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Emit.h"

#include "qopt/Codegen/NVPTX/Passes.h"
#include "qopt/IO/AtomicFile.h"

#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/MemoryBuffer.h"

#include <optional>

using namespace mlir;
using namespace qopt;

static constexpr Product products[] = {
    {"ptx", nvptx::emitPtx},
    {"cubin", nvptx::emitCubin},
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

  EmitPass(const Product &product, std::optional<std::string> &content)
      : product(product), content(content) {}

  void runOnOperation() override {
    if (content) {
      getOperation().emitError("--emit writes one module, but the input holds "
                               "several");
      return signalPassFailure();
    }
    Result<std::string> result = product.emit(getOperation());
    if (!result) {
      getOperation().emitError() << result.error().message;
      return signalPassFailure();
    }
    content = std::move(*result);
  }

  const Product &product;
  std::optional<std::string> &content;
};
} // namespace

int qopt::runAndEmit(int argc, char **argv, std::string_view toolName,
                     const Product &product, DialectRegistry &registry) {
  auto [input, output] =
      registerAndParseCLIOptions(argc, argv, toolName, registry);
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(input, &message);
  if (!buffer) {
    llvm::errs() << message << '\n';
    return 1;
  }

  std::optional<std::string> content;
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  config.setPassPipelineSetupFn([&, passes = config](PassManager &manager) {
    if (failed(passes.setupPassPipeline(manager)))
      return failure();
    manager.addPass(std::make_unique<EmitPass>(product, content));
    return success();
  });
  llvm::raw_null_ostream module;
  if (failed(MlirOptMain(module, std::move(buffer), registry, config)))
    return 1;
  if (!content) // only diagnostics were asked for
    return 0;
  if (output == "-") {
    llvm::outs() << *content;
    return 0;
  }
  if (Status status = writeTextFile(output, *content, /*overwrite=*/true);
      !status) {
    llvm::errs() << "qopt: error: " << status.error().message << '\n';
    return 1;
  }
  return 0;
}
