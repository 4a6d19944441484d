//===- Driver.cpp - passes over a module, in the manner of mlir-opt ------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Driver.h"
#include "Nesting.h"

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
  registry.insert<QOptDialect, llm::LLMDialect>();
}

int qopt::runDriver(int argc, char **argv) {
  if (Status nesting = checkInputNesting(std::span(argv, argc)); !nesting) {
    llvm::errs() << "qopt: error: " << nesting.error().message << '\n';
    return 1;
  }
  DialectRegistry registry;
  registerDialects(registry);
  registerAllPasses();
  registerQOptPasses();
  return asMainReturnCode(
      MlirOptMain(argc, argv, "qopt: LLM quantization compiler\n", registry));
}
