//===- FileOptions.h - flags of files that are written ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_FILEOPTIONS_H
#define QOPT_TOOLS_FILEOPTIONS_H

#include "Arguments.h"

#include "qopt/Export/ExportCheckpoint.h"

namespace qopt {

/// What quantize and export let the user choose about checkpoint directories.
struct FileOptions {
  bool keepSplit = false;
  size_t zeros = 0; // auto, v1, v2
  int64_t shardMegabytes = 5000;

  /// Declares --gptq-zeros and --shard-size, which also decide how large
  /// files are.
  void declare(Arguments &arguments);
  /// Declares --keep-split.
  void declareSplit(Arguments &arguments);
  /// A usage error if a number is out of range.
  Result<ExportCheckpointOptions> forFormat(CheckpointFormat format,
                                            bool overwrite) const;
};

} // namespace qopt

#endif // QOPT_TOOLS_FILEOPTIONS_H
