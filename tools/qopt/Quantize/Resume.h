//===- Resume.h - going on with a run that was stopped ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_QUANTIZE_RESUME_H
#define QOPT_TOOLS_QUANTIZE_RESUME_H

#include "Quantize/Options.h"

namespace qopt {

/// The text of a module that is hashed: all that it says and refers to.
std::string moduleHash(mlir::ModuleOp module);

/// Gives the model's services the state of this run, if its method works
/// through blocks: a new one, or with --resume one that a stopped run has left.
/// `original` is the hash of the module before types were assigned to weights.
/// The passes of `manager` are a part of what the run depends on.
Status openRunState(Model &model, const QuantizeOptions &options,
                    const std::string &original, mlir::PassManager &manager);

/// What to tell a user whose run came to no end.
Error stoppedError(Model &model, const Error &error);

} // namespace qopt

#endif // QOPT_TOOLS_QUANTIZE_RESUME_H
