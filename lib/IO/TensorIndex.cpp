//===- TensorIndex.cpp - the tensors of a checkpoint ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/TensorIndex.h"
#include "qopt/IO/Hash.h"
#include "qopt/IO/Json.h"

#include <algorithm>
#include <filesystem>

using namespace qopt;
namespace fs = std::filesystem;

namespace {
/// Whether `directory` is a snapshot of the Hugging Face hub's cache and
/// `target`, fully resolved, is one of its blobs.
bool isHubBlob(const fs::path &directory, const fs::path &target) {
  std::error_code failed;
  fs::path snapshot = fs::canonical(directory, failed);
  return !failed && snapshot.parent_path().filename() == "snapshots" &&
         target.parent_path() == snapshot.parent_path().parent_path() / "blobs";
}

bool isPickle(const fs::path &path) {
  for (const char *extension : {".bin", ".pt", ".pth", ".ckpt", ".pkl"})
    if (path.extension() == extension)
      return true;
  return false;
}

tl::unexpected<Error> pickleError(const std::string &path) {
  return badInput(path, ": pickled checkpoints are refused, because reading "
                        "one runs code from the file; convert it to "
                        "safetensors");
}

/// Why a directory has nothing to open.
tl::unexpected<Error> nothingToOpen(const std::string &directory) {
  std::error_code failed;
  std::vector<std::string> pickles;
  for (fs::directory_iterator file(directory, failed), end;
       !failed && file != end; file.increment(failed))
    if (isPickle(file->path()))
      pickles.push_back(file->path().string());
  if (!pickles.empty()) // the directory's own order is not reproducible
    return pickleError(*std::ranges::min_element(pickles));
  return badInput(directory, ": contains neither model.safetensors nor "
                             "model.safetensors.index.json");
}
} // namespace

Result<std::string> qopt::checkpointMember(const std::string &directory,
                                           std::string_view name) {
  if (name.empty() || name == "." || name == ".." ||
      name.find_first_of(std::string_view("/\\\0", 3)) != name.npos)
    return badInput(directory, ": ", quote(name),
                    " is not the name of a file of this directory");
  fs::path path = fs::path(directory) / name;
  std::error_code failed;
  fs::file_status status = fs::symlink_status(path, failed);
  if (fs::is_symlink(status)) {
    fs::path target = fs::canonical(path, failed);
    if (failed)
      return badInput(path.string(), ": is a broken symbolic link");
    if (!isHubBlob(directory, target))
      return badInput(path.string(), ": is a symbolic link; only those of the "
                                     "Hugging Face cache are followed");
    status = fs::status(target, failed);
  }
  if (status.type() == fs::file_type::not_found)
    return badInput(path.string(), ": is missing; a checkpoint directory "
                                   "holds it beside its *.safetensors");
  if (!fs::is_regular_file(status))
    return badInput(path.string(), ": is not a regular file");
  return path.string();
}

Result<SafetensorsHeader> TensorIndex::addFile(std::string path,
                                               std::string name) {
  QOPT_ASSIGN(SafetensorsFile file, SafetensorsFile::open(path));
  QOPT_ASSIGN(std::string hash, fileHash(file.file()));
  checkpointFiles.push_back({std::move(path), std::move(name),
                             file.file().size(), std::move(hash),
                             file.share()});
  return SafetensorsHeader{file.tensors(), file.metadata()};
}

Status TensorIndex::readShards(const std::string &directory,
                               const std::string &index) {
  QOPT_ASSIGN(JsonDocument document, JsonDocument::load(index));
  QOPT_ASSIGN(JsonValue map, document.root().getObject("weight_map"));
  std::map<std::string, std::vector<std::string>> namesOfShard;
  for (size_t i = 0; i < map.size(); ++i) {
    QOPT_ASSIGN(std::string_view shard, map[i].asString());
    namesOfShard[std::string(shard)].emplace_back(map.key(i));
  }
  for (const auto &[shard, names] : namesOfShard) {
    if (isPickle(shard))
      return pickleError(str(index, ": ", quote(shard)));
    QOPT_ASSIGN(std::string path, checkpointMember(directory, shard));
    QOPT_ASSIGN(SafetensorsHeader header, addFile(path, shard));
    std::unordered_map<std::string_view, SafetensorsTensor *> byName;
    for (SafetensorsTensor &tensor : header.tensors)
      byName.emplace(tensor.name, &tensor);
    for (const std::string &name : names) {
      auto found = byName.find(name);
      if (found == byName.end())
        return badInput(path, ": tensor ", quote(name),
                        " is missing, although ", index, " places it here");
      const SafetensorsTensor &tensor = *found->second;
      entries.push_back({name, tensor.dtype, tensor.shape,
                         checkpointFiles.size() - 1, tensor.offset,
                         tensor.bytes});
    }
  }
  return {};
}

Result<TensorIndex> TensorIndex::open(const std::string &path) {
  TensorIndex index;
  index.checkpoint = path;
  std::error_code failed;
  fs::path file;
  if (!fs::is_directory(path, failed)) {
    if (isPickle(path))
      return pickleError(path);
    file = path;
  } else if (fs::path single = fs::path(path) / "model.safetensors";
             fs::symlink_status(single, failed).type() !=
             fs::file_type::not_found) {
    QOPT_ASSIGN(file, checkpointMember(path, "model.safetensors"));
  } else {
    constexpr const char *indexName = "model.safetensors.index.json";
    if (fs::symlink_status(fs::path(path) / indexName, failed).type() ==
        fs::file_type::not_found)
      return nothingToOpen(path);
    QOPT_ASSIGN(std::string indexPath, checkpointMember(path, indexName));
    QOPT_CHECK(index.readShards(path, indexPath));
  }
  if (!file.empty()) {
    std::string name =
        fs::is_directory(path, failed) ? "model.safetensors" : file.filename();
    QOPT_ASSIGN(SafetensorsHeader header, index.addFile(file.string(), name));
    for (SafetensorsTensor &tensor : header.tensors)
      index.entries.push_back({std::move(tensor.name), tensor.dtype,
                               std::move(tensor.shape), 0, tensor.offset,
                               tensor.bytes});
  }
  std::ranges::sort(index.entries, {}, &TensorEntry::name);
  return index;
}

const TensorEntry *TensorIndex::find(std::string_view name) const {
  auto place = std::ranges::lower_bound(entries, name, {}, &TensorEntry::name);
  return place != entries.end() && place->name == name ? &*place : nullptr;
}

Result<const TensorEntry *> TensorIndex::get(std::string_view name) const {
  const TensorEntry *entry = find(name);
  if (!entry)
    return badInput(checkpoint, ": tensor ", quote(name), " is missing");
  return entry;
}

Result<ByteSpan> TensorIndex::data(const TensorEntry &tensor) const {
  return checkpointFiles[tensor.file].mapped->slice(tensor.offset,
                                                    tensor.bytes);
}
