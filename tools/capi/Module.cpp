//===- Module.cpp - passes over a module of mlir-c -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt-c/Module.h"
#include "Support.h"

#include "qopt/Init/InitAll.h"
#include "qopt/Weights/QuantizationContext.h"

#include "mlir/CAPI/IR.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

using namespace qopt;

static Status run(mlir::ModuleOp module, const std::string &pipeline,
                  const std::string &directory, const std::string &archive) {
  mlir::MLIRContext *context = module.getContext();
  std::string message;
  // Kept, and passed on to the handlers of the program.
  mlir::ScopedDiagnosticHandler handler(
      context, [&](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error &&
            message.empty())
          message = diagnostic.str();
        return mlir::failure();
      });
  QuantizationContext::Options options;
  options.baseDirectory = directory.empty() ? "." : directory;
  options.archivePath = archive;
  attachQuantizationContext(*context,
                            std::make_shared<QuantizationContext>(options));
  mlir::PassManager manager(context);
  llvm::raw_string_ostream errors(message);
  if (failed(mlir::parsePassPipeline(pipeline, manager, errors)))
    return usageError(message);
  message.clear();
  if (failed(manager.run(module)))
    return badInput(message);
  return {};
}

extern "C" {

void qoptRegisterDialects(MlirDialectRegistry registry) {
  mlir::registerAllDialects(*unwrap(registry));
  mlir::registerAllExtensions(*unwrap(registry));
  qopt::registerAllDialects(*unwrap(registry));
}

void qoptRegisterPasses(void) { qopt::registerAllPasses(); }

QoptStatus qoptModuleRun(MlirModule module, const char *pipeline,
                         const char *directory, const char *archive,
                         char **error) {
  return capi::report(run(unwrap(module), capi::text(pipeline),
                          capi::text(directory), capi::text(archive)),
                      error);
}
}
