//===- Model.h - opens what verbs call MODEL --------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_MODEL_H
#define QOPT_TOOLS_MODEL_H

#include "Arguments.h"

#include "qopt/IO/Tokenizer.h"
#include "qopt/Weights/QuantizationContext.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir {
class PassManager;
} // namespace mlir

namespace qopt {

/// What every verb that computes lets the user choose.
struct MachineOptions {
  int64_t threads = 0; // 0: one per processor
  std::string isa = "auto";
  int64_t maxMemory = 0; // MiB of activations, 0: half of what there is

  /// Declares --threads and --isa.
  void declare(Arguments &arguments);
};

/// Declares --samples, --ctx and --max-memory: how much of a text a model is
/// calibrated on, and what that may take.
void declareSampleOptions(Arguments &arguments, int64_t &samples,
                          int64_t &context, MachineOptions &machine);

/// A model in memory. `module` lives in `context`.
struct Model {
  std::string path;
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::shared_ptr<QuantizationContext> services;

  /// The files that it consists of: `path`, what a directory holds, and what
  /// the module refers to. None of them may be replaced by what is made of it.
  std::vector<std::string> inputs();
  /// The tokenizer that `llm.tokenizer` names.
  Result<Tokenizer> tokenizer();
};

/// Opens a checkpoint directory, a .gguf file, or a module as text or bytecode,
/// and attaches services. Relative paths in a module start at its directory.
Result<Model> openModel(const std::string &path, const MachineOptions &machine,
                        Progress &progress);

/// How many files the module's weights lie in, at least 1.
int64_t sourceCount(mlir::ModuleOp module);

/// Runs passes over the module. Remarks and warnings go to the progress; the
/// first error becomes the result.
Status runPasses(Model &model, mlir::PassManager &manager);

/// Writes a module atomically: as bytecode if `path` ends in .mlirbc, else as
/// text; to standard output if `path` is "-".
Status writeModule(mlir::ModuleOp module, const std::string &path,
                   bool overwrite);

} // namespace qopt

#endif // QOPT_TOOLS_MODEL_H
