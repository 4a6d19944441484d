//===- TensorIndex.h - the tensors of a checkpoint --------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_TENSORINDEX_H
#define QOPT_IO_TENSORINDEX_H

#include "qopt/IO/Safetensors.h"

namespace qopt {

/// One file of a checkpoint, as `#qopt.file` refers to it.
struct CheckpointFile {
  std::string path; // to open it
  std::string name; // within the checkpoint directory
  uint64_t size;
  std::string hash; // fileHash
  std::shared_ptr<const MappedFile> mapped;
};

struct TensorEntry {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  size_t file;     // index into files()
  uint64_t offset; // in that file
  uint64_t bytes;
};

/// Name → place of every tensor of a checkpoint in safetensors form: a single
/// file, a directory with model.safetensors, or a directory with
/// model.safetensors.index.json and shards. Files are mapped, not read.
///
/// The index decides which shard a tensor comes from; tensors of a shard that
/// it does not list are left out. Pickled checkpoints are refused: reading one
/// runs code from the file.
class TensorIndex {
public:
  static Result<TensorIndex> open(const std::string &path);

  const std::vector<CheckpointFile> &files() const { return checkpointFiles; }
  /// Sorted by name.
  const std::vector<TensorEntry> &tensors() const { return entries; }
  /// Null if there is none.
  const TensorEntry *find(std::string_view name) const;
  /// The same; an error that names the tensor and the checkpoint.
  Result<const TensorEntry *> get(std::string_view name) const;
  /// Its bytes, unaligned, valid while this or the file's `mapped` lives.
  Result<ByteSpan> data(const TensorEntry &tensor) const;

private:
  TensorIndex() = default;
  Result<SafetensorsHeader> addFile(std::string path, std::string name);
  Status readShards(const std::string &directory, const std::string &index);
  std::string checkpoint;
  std::vector<CheckpointFile> checkpointFiles;
  std::vector<TensorEntry> entries;
};

/// The path of the file `name` of a checkpoint directory, for names that a
/// stranger wrote. It must be a plain file name (no '/', not ".", ".."), and a
/// regular file of the directory. A symbolic link is an error, with one
/// exception: the cache of the Hugging Face hub, where
/// models--X/snapshots/REVISION/NAME links to a file of models--X/blobs.
Result<std::string> checkpointMember(const std::string &directory,
                                     std::string_view name);

} // namespace qopt

#endif // QOPT_IO_TENSORINDEX_H
