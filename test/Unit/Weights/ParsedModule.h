// A module parsed from a string, for tests.
#ifndef QOPT_TEST_UNIT_WEIGHTS_PARSEDMODULE_H
#define QOPT_TEST_UNIT_WEIGHTS_PARSEDMODULE_H

#include "qopt/Dialect/QOpt/QOptOps.h"
#include "qopt/Weights/WeightSource.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <filesystem>
#include <gtest/gtest.h>

struct ParsedModule {
  explicit ParsedModule(llvm::StringRef text) {
    context.loadDialect<qopt::QOptDialect, mlir::func::FuncDialect,
                        mlir::ml_program::MLProgramDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module);
  }

  mlir::ml_program::GlobalOp global(llvm::StringRef name) {
    return module->lookupSymbol<mlir::ml_program::GlobalOp>(name);
  }
  qopt::Result<qopt::WeightSource> open(llvm::StringRef name) {
    return qopt::WeightSource::open(global(name), files);
  }
  /// The f32 numbers of a weight that must be readable.
  std::vector<float> read(llvm::StringRef name) {
    auto source = open(name);
    EXPECT_TRUE(source) << source.error().message;
    return source ? *source->readAll() : std::vector<float>();
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string directory = testing::TempDir();
  qopt::SourceFiles files{directory};
};

#endif // QOPT_TEST_UNIT_WEIGHTS_PARSEDMODULE_H
