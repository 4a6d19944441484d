//===- FileOptions.cpp - flags of files that are written ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "FileOptions.h"

using namespace qopt;

void FileOptions::declare(Arguments &arguments) {
  arguments.choice("--gptq-zeros", {"auto", "v1", "v2"},
                   "gptq: how zero points are stored; auto (default): v1 for "
                   "symmetric grids, else v2",
                   zeros);
  arguments.option("--shard-size", "MB",
                   "checkpoints: weights of one file, at most; default 5000",
                   shardMegabytes);
}

void FileOptions::declareSplit(Arguments &arguments) {
  arguments.flag(
      "--keep-split",
      "gguf: as many files as the model has, OUT-00001-of-0000N.gguf",
      keepSplit);
}

Result<ExportCheckpointOptions> FileOptions::forFormat(CheckpointFormat format,
                                                       bool overwrite) const {
  if (shardMegabytes < 1 || shardMegabytes > 1'000'000'000)
    return usageError("--shard-size must lie between 1 and 1000000000");
  ExportCheckpointOptions options;
  options.format = format;
  if (zeros > 0)
    options.zeros = zeros == 1 ? GptqZeros::V1 : GptqZeros::V2;
  options.shardBytes = shardMegabytes * 1'000'000;
  options.overwrite = overwrite;
  return options;
}
