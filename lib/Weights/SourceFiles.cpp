//===- SourceFiles.cpp - the tensor files that a module refers to --------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Weights/SourceFiles.h"
#include "qopt/IO/Hash.h"

#include <filesystem>

using namespace mlir;
using namespace qopt;
namespace fs = std::filesystem;

SourceFiles::SourceFiles(std::string baseDirectory)
    : directory(std::move(baseDirectory)) {}

std::string SourceFiles::resolve(llvm::StringRef path) const {
  fs::path joined = fs::path(directory) / path.str();
  fs::path normal = joined.lexically_normal();
  // Behind a link, `..` is not the directory that was written before it.
  std::error_code failed;
  fs::path parent = joined.parent_path(), shorter = normal.parent_path();
  bool linked =
      fs::exists(parent, failed) &&
      !fs::equivalent(parent, shorter.empty() ? "." : shorter, failed);
  return (linked ? joined : normal).string();
}

static Status checkUnchanged(const MappedFile &file, FileAttr expected) {
  if (expected.getSize() >= 0 && uint64_t(expected.getSize()) != file.size())
    return badInput(file.path(), ": has ", file.size(),
                    " bytes, but the module was made for a file of ",
                    expected.getSize(), "; import the model again");
  if (expected.getHash().empty())
    return {};
  QOPT_ASSIGN(std::string hash, fileHash(file));
  if (hash != expected.getHash().str())
    return badInput(file.path(), ": its content has changed since the module "
                                 "was made; import the model again");
  return {};
}

Result<std::shared_ptr<SourceFiles::Opened>> SourceFiles::open(FileAttr file) {
  std::string path = resolve(file.getPath());
  std::lock_guard lock(mutex);
  auto found = opened.find(path);
  if (found != opened.end())
    return found->second;
  auto entry = std::make_shared<Opened>();
  if (llvm::StringRef(path).ends_with(".gguf")) {
    QOPT_ASSIGN(entry->gguf, GgufFile::openPart(path));
    QOPT_CHECK(checkUnchanged(entry->gguf->file(), file));
  } else {
    QOPT_ASSIGN(entry->safetensors, SafetensorsFile::open(path));
    QOPT_CHECK(checkUnchanged(entry->safetensors->file(), file));
  }
  opened.emplace(path, entry);
  return entry;
}

Result<StoredTensor> SourceFiles::find(FileAttr file, llvm::StringRef name) {
  QOPT_ASSIGN(std::shared_ptr<Opened> entry, open(file));
  auto missing = [&] {
    return badInput(resolve(file.getPath()), ": has no tensor '", name.str(),
                    "'");
  };
  StoredTensor result;
  if (entry->gguf) {
    const GgufTensor *tensor = entry->gguf->find(name);
    if (!tensor)
      return missing();
    result.shape.assign(tensor->dims.rbegin(), tensor->dims.rend());
    result.gguf = findFormat(tensor->type);
    QOPT_ASSIGN(result.bytes, entry->gguf->data(*tensor));
    return result;
  }
  const SafetensorsTensor *tensor = entry->safetensors->find(name);
  if (!tensor)
    return missing();
  result.shape = tensor->shape;
  result.dtype = tensor->dtype;
  QOPT_ASSIGN(result.bytes, entry->safetensors->data(*tensor));
  return result;
}

void SourceFiles::forget(llvm::StringRef path) {
  std::lock_guard lock(mutex);
  auto found = opened.find(resolve(path));
  if (found == opened.end())
    return;
  replaced.push_back(found->second);
  opened.erase(found);
}

std::string qopt::relativePath(const std::string &path,
                               const std::string &directory) {
  if (fs::path(path).is_absolute())
    return path;
  // Both exist somewhere below the root: a relative path always does. Links in
  // the way are followed, since `..` leaves what they lead to; one that is the
  // file itself is kept.
  std::error_code failed;
  auto real = [&](const fs::path &place) {
    fs::path found = fs::weakly_canonical(fs::absolute(place), failed);
    return failed ? fs::absolute(place).lexically_normal() : found;
  };
  fs::path absolute = fs::absolute(path);
  return (real(absolute.parent_path()) / absolute.filename())
      .lexically_relative(real(directory))
      .string();
}

void qopt::rebaseFiles(ModuleOp module, const std::string &from,
                       const std::string &to) {
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](FileAttr file) -> Attribute {
    fs::path path(file.getPath().str());
    if (path.is_absolute())
      return file;
    return FileAttr::get(file.getContext(),
                         relativePath((fs::path(from) / path).string(), to),
                         file.getSize(), file.getHash());
  });
  replacer.replaceElementsIn(module);
}
