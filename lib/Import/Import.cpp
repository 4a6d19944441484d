//===- Import.cpp - checkpoints to modules --------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Import/Import.h"

#include <filesystem>

using namespace qopt;
namespace fs = std::filesystem;

Result<std::string> qopt::referencePath(const std::string &file,
                                        const std::string &outputDirectory) {
  // Directories are resolved, so that `..` means what it says; the file itself
  // is not, because in the cache of the hub it is a link to a nameless blob.
  std::error_code failed;
  fs::path from = fs::canonical(outputDirectory, failed);
  if (failed)
    return ioError(outputDirectory, ": ", failed.message());
  fs::path parent = fs::path(file).parent_path();
  fs::path to = fs::canonical(parent.empty() ? "." : parent, failed);
  if (failed)
    return ioError(file, ": ", failed.message());
  to /= fs::path(file).filename();
  auto first = [](const fs::path &path) {
    return *path.relative_path().begin();
  };
  bool shared = !from.relative_path().empty() && first(from) == first(to);
  return (shared ? to.lexically_relative(from) : to).string();
}

Result<ImportedModel> qopt::importModel(mlir::MLIRContext &context,
                                        const std::string &path,
                                        const ImportOptions &options) {
  std::error_code failed;
  if (fs::is_directory(path, failed))
    return importCheckpoint(context, path, options);
  if (!fs::exists(path, failed))
    return ioError(path, ": no such file or directory");
  if (path.ends_with(".gguf"))
    return importGguf(context, path, options);
  return badInput(path, ": is neither a checkpoint directory nor a .gguf file");
}
