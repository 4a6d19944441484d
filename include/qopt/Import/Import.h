//===- Import.h - checkpoints to modules ------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IMPORT_IMPORT_H
#define QOPT_IMPORT_IMPORT_H

#include "qopt/Support/Error.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace qopt {

struct ImportOptions {
  /// The directory of the .mlir file, which paths in the module are relative
  /// to. A checkpoint that shares no directory with it but the root is referred
  /// to by its absolute path.
  std::string outputDirectory = ".";
};

struct ImportedModel {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// What the user should know: tensors that the model does not use, …
  std::vector<std::string> remarks;
  /// The files that the module was made from.
  std::vector<std::string> inputs;
};

/// Imports a checkpoint directory in the form of Hugging Face. Weights enter
/// the module by reference; only headers of files are read.
Result<ImportedModel> importCheckpoint(mlir::MLIRContext &context,
                                       const std::string &directory,
                                       const ImportOptions &options = {});

/// Imports a GGUF file. Quantized weights stay quantized: the module refers to
/// their blocks.
Result<ImportedModel> importGguf(mlir::MLIRContext &context,
                                 const std::string &path,
                                 const ImportOptions &options = {});

/// Imports a checkpoint directory or a .gguf file.
Result<ImportedModel> importModel(mlir::MLIRContext &context,
                                  const std::string &path,
                                  const ImportOptions &options = {});

/// How a module in `outputDirectory` refers to `file`.
Result<std::string> referencePath(const std::string &file,
                                  const std::string &outputDirectory);

} // namespace qopt

#endif // QOPT_IMPORT_IMPORT_H
