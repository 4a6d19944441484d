//===- Driver.cpp - passes over a module, in the manner of mlir-opt ------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Driver.h"
#include "Emit.h"
#include "Nesting.h"

#include "qopt/Codegen/NVPTX/Passes.h"
#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Dialect/QOpt/QOptOps.h"
#include "qopt/Transforms/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

using namespace mlir;

void qopt::registerDialects(DialectRegistry &registry) {
  registerAllDialects(registry);
  registerAllExtensions(registry);
  nvptx::registerNVPTXTranslations(registry);
  registry.insert<QOptDialect, llm::LLMDialect>();
}

/// Takes `--emit=KIND` out of the arguments: the last one counts.
static std::string takeEmitKind(SmallVectorImpl<char *> &arguments) {
  std::string kind;
  llvm::erase_if(arguments, [&](StringRef argument) {
    if (!argument.consume_front("--emit=") && !argument.consume_front("-emit="))
      return false;
    kind = argument.str();
    return true;
  });
  return kind;
}

int qopt::runDriver(int argc, char **argv) {
  if (Status nesting = checkInputNesting(std::span(argv, argc)); !nesting) {
    llvm::errs() << "qopt: error: " << nesting.error().message << '\n';
    return 1;
  }
  static constexpr char toolName[] = "qopt: LLM quantization compiler\n";
  DialectRegistry registry;
  registerDialects(registry);
  registerAllPasses();
  registerQOptPasses();
  nvptx::registerNVPTXPasses();

  SmallVector<char *> arguments(argv, argv + argc);
  std::string kind = takeEmitKind(arguments);
  char bytecodeFlag[] = "--emit-bytecode";
  if (kind == "mlirbc") {
    arguments.push_back(bytecodeFlag);
  } else if (!kind.empty() && kind != "mlir") {
    Result<const Product *> product = findProduct(kind);
    if (!product) {
      llvm::errs() << "qopt: error: " << product.error().message << '\n';
      return 1;
    }
    return runAndEmit(arguments.size(), arguments.data(), toolName, **product,
                      registry);
  }
  return asMainReturnCode(
      MlirOptMain(arguments.size(), arguments.data(), toolName, registry));
}
