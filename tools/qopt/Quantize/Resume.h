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

/// Whether the outputs that are there are those of the run that --resume goes
/// on with: it was killed while it published them. That it is this very run is
/// checked by openRunState, before anything is written.
bool ownsOutputs(const QuantizeOptions &options);
/// Whether it had only its state left to remove.
bool hasPublished(Model &model, const QuantizeOptions &options);
/// Says in the state of a run, if there is one, that outputs appear from now
/// on, or that they are there.
Status beginPublishing(Model &model, const QuantizeOptions &options);
Status endPublishing(Model &model, const QuantizeOptions &options);

/// What to tell a user whose run came to no end.
Error stoppedError(Model &model, const Error &error);

} // namespace qopt

#endif // QOPT_TOOLS_QUANTIZE_RESUME_H
