//===- AtomicDirectory.cpp - a new directory of files, all or none --------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/AtomicDirectory.h"
#include "FileSystem.h"
#include "qopt/IO/AtomicFile.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace qopt;
using namespace qopt::detail;
namespace fs = std::filesystem;

/// `a/b` of `a/b/`.
static std::string withoutSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  return path;
}

/// Why a directory must not be replaced, or "".
static std::string whyNotReplaceable(const fs::path &path) {
  std::error_code failed;
  if (!fs::is_directory(fs::symlink_status(path, failed)))
    return "exists and is not a directory";
  bool empty = true, model = false;
  for (fs::directory_iterator entry(path, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    empty = false;
    model |= entry->path().filename() == "config.json";
    if (!fs::is_regular_file(entry->symlink_status(failed)))
      return "holds " + quote(entry->path().filename().string()) +
             ", which is no file of a model; name another directory, or "
             "remove this one yourself";
  }
  if (failed)
    return failed.message();
  return empty || model ? ""
                        : "is a directory without config.json, so not one of "
                          "a model; name another, or remove this one yourself";
}

/// Removes the plain files of a directory, and it.
static void removeFlat(const fs::path &path) {
  std::error_code ignored; // what cannot be removed stays, hidden
  for (const fs::directory_entry &entry : fs::directory_iterator(path, ignored))
    if (!entry.is_directory(ignored))
      fs::remove(entry.path(), ignored);
  ::rmdir(path.c_str());
}

Status qopt::checkOutputDirectory(const std::string &given, bool overwrite) {
  std::string path = withoutSlashes(given);
  std::string name = fs::path(path).filename();
  if (name.empty() || name == "." || name == ".." || name == "/")
    return usageError("output path ", quote(given), " names no new directory");
  QOPT_CHECK(checkOutput(path, overwrite));
  std::error_code failed;
  if (fs::symlink_status(path, failed).type() == fs::file_type::not_found)
    return {};
  if (std::string reason = whyNotReplaceable(path); !reason.empty())
    return usageError(path, ": ", reason);
  return {};
}

Result<AtomicDirectory> AtomicDirectory::create(const std::string &path,
                                                bool overwrite) {
  QOPT_CHECK(checkOutputDirectory(path, overwrite));
  AtomicDirectory directory;
  directory.target = withoutSlashes(path);
  directory.overwrite = overwrite;
  fs::path sibling(directory.target);
  sibling.replace_filename("." + sibling.filename().string() + ".partial");
  directory.staging = sibling;
  QOPT_CHECK(directory.enter());
  return directory;
}

/// Makes the staging directory and locks it, or takes over one that a killed
/// process left.
Status AtomicDirectory::enter() {
  if (::mkdir(staging.c_str(), 0777) != 0 && errno != EEXIST)
    return systemError(staging, "create");
  descriptor =
      ::open(staging.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0)
    return systemError(staging, "open");
  struct stat locked, named;
  // The one that had the lock may just have renamed its directory.
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 ||
      ::fstat(descriptor, &locked) != 0 ||
      ::stat(staging.c_str(), &named) != 0 || locked.st_ino != named.st_ino ||
      locked.st_dev != named.st_dev) {
    ::close(std::exchange(descriptor, -1));
    return ioError(target, ": another process is writing it");
  }
  std::error_code failed;
  for (const fs::directory_entry &entry :
       fs::directory_iterator(staging, failed))
    if (!fs::remove(entry.path(), failed) || failed)
      return ioError(entry.path().string(),
                     ": is in the way: ", failed.message());
  return {};
}

AtomicDirectory::AtomicDirectory(AtomicDirectory &&other) noexcept
    : target(std::move(other.target)), staging(std::move(other.staging)),
      descriptor(std::exchange(other.descriptor, -1)),
      overwrite(other.overwrite) {}

AtomicDirectory::~AtomicDirectory() {
  if (descriptor < 0)
    return;
  removeFlat(staging);
  ::close(descriptor);
}

Status AtomicDirectory::commit() {
  if (descriptor < 0)
    return internalError(target, ": committed twice");
  QOPT_CHECK(flushDirectory(staging));
  // Somebody may have made the target since create() looked.
  int failed = ::renameat2(AT_FDCWD, staging.c_str(), AT_FDCWD, target.c_str(),
                           RENAME_NOREPLACE);
  bool replaces = failed && errno == EEXIST;
  if (replaces) {
    QOPT_CHECK(checkOutputDirectory(target, overwrite));
    failed = ::renameat2(AT_FDCWD, staging.c_str(), AT_FDCWD, target.c_str(),
                         RENAME_EXCHANGE);
  }
  if (failed)
    return systemError(target, "give the finished directory the name");
  ::close(std::exchange(descriptor, -1));
  if (replaces)
    removeFlat(staging); // the old one
  return flushDirectory(directoryOf(target));
}
