//===- InitAll.cpp - everything an embedding compiler registers ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Init/InitAll.h"

#include "qopt/Codegen/CPU/Passes.h"
#include "qopt/Codegen/NVPTX/Passes.h"
#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Dialect/QOpt/QOptDialect.h"
#include "qopt/Transforms/Passes.h"

void qopt::registerAllDialects(mlir::DialectRegistry &registry) {
  registry.insert<QOptDialect, llm::LLMDialect>();
  nvptx::registerNVPTXTranslations(registry);
}

void qopt::registerAllPasses() {
  registerQOptPasses();
  cpu::registerCPUCodegen();
  nvptx::registerNVPTXPasses();
}
