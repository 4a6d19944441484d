//===- CheckpointOptions.h - flags of checkpoints that are written -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_CHECKPOINTOPTIONS_H
#define QOPT_TOOLS_CHECKPOINTOPTIONS_H

#include "Arguments.h"

#include "qopt/Export/ExportCheckpoint.h"

namespace qopt {

/// What quantize and export let the user choose about checkpoint directories.
struct CheckpointOptions {
  size_t zeros = 0; // auto, v1, v2
  int64_t shardMegabytes = 5000;

  /// Declares --gptq-zeros and --shard-size.
  void declare(Arguments &arguments);
  /// A usage error if a number is out of range.
  Result<ExportCheckpointOptions> forFormat(CheckpointFormat format,
                                            bool overwrite) const;
};

} // namespace qopt

#endif // QOPT_TOOLS_CHECKPOINTOPTIONS_H
