//===- CheckpointConfig.h - what lies beside the weights --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_EXPORT_CHECKPOINTCONFIG_H
#define QOPT_LIB_EXPORT_CHECKPOINTCONFIG_H

#include "CheckpointPlan.h"
#include "qopt/IO/AtomicDirectory.h"

namespace qopt::detail {

/// The directory of the checkpoint that the module was imported from, or "" if
/// the module does not say, or says that it was a GGUF file: that in which its
/// tokenizer.json lies.
std::string originDirectory(mlir::ModuleOp module, const SourceFiles &files);

/// The text of config.json: every member of the one in `origin` if that
/// describes the model of the module, otherwise what llm.config knows; and
/// quantization_config.
Result<std::string> checkpointConfig(mlir::ModuleOp module,
                                     const std::string &origin,
                                     const CheckpointPlan &plan);

/// Copies the files of the tokenizer and of text generation.
Status copyCompanions(const std::string &origin,
                      const AtomicDirectory &directory);

/// README.md.
std::string modelCard(mlir::ModuleOp module, const CheckpointPlan &plan);

} // namespace qopt::detail

#endif // QOPT_LIB_EXPORT_CHECKPOINTCONFIG_H
