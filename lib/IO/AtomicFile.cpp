//===- AtomicFile.cpp - a new file, complete or not at all ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/AtomicFile.h"
#include "FileSystem.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace qopt;
using namespace qopt::detail;

namespace {
std::string descriptorPath(int descriptor) {
  return str("/proc/self/fd/", descriptor);
}

/// A file that has no name yet and vanishes with the process, however that
/// ends; -1 if the file system has none or it could not be given a name later.
int openUnnamed(const std::string &directory) {
  int descriptor =
      ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
  if (descriptor >= 0 &&
      ::access(descriptorPath(descriptor).c_str(), F_OK) != 0)
    ::close(std::exchange(descriptor, -1));
  return descriptor;
}

constexpr int kAttempts = 1000;

/// Refuses what nobody asked to replace, links that lead nowhere included, and
/// the name that other programs have for standard output.
Status checkName(const std::string &path, bool overwrite) {
  if (path == "-")
    return usageError("standard output cannot be written completely or not at "
                      "all; name a file (./- is one called so)");
  struct stat status;
  if (!overwrite && ::lstat(path.c_str(), &status) == 0)
    return existsError(path);
  return {};
}

} // namespace

Result<AtomicFile> AtomicFile::create(std::string path, bool overwrite) {
  struct stat status;
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return usageError(path, ": exists and is not a regular file");
  QOPT_CHECK(checkName(path, overwrite));
  size_t nameStart = path.rfind('/') + 1; // npos + 1 is 0
  if (nameStart == path.size())
    return usageError("output path ", quote(path), " has no file name");
  AtomicFile file;
  file.target = path;
  file.overwrite = overwrite;
  file.descriptor = openUnnamed(directoryOf(path));
  if (file.descriptor < 0)
    QOPT_CHECK(file.openNamed());
  return file;
}

std::string AtomicFile::temporaryName(int attempt) const {
  size_t nameStart = target.rfind('/') + 1; // npos + 1 is 0
  return str(target.substr(0, nameStart), ".qopt-", ::getpid(), "-", attempt,
             ".tmp");
}

/// Creates the temporary under a name, where unnamed files are not supported.
Status AtomicFile::openNamed() {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string name = temporaryName(attempt);
    descriptor =
        ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) {
      temporary = std::move(name);
      return {};
    }
    if (errno != EEXIST)
      return systemError(target, "create");
  }
  return systemError(target, "find a free temporary name for");
}

/// Gives the unnamed temporary a name to be renamed from.
Status AtomicFile::nameTemporary() {
  std::string unnamed = descriptorPath(descriptor);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string name = temporaryName(attempt);
    if (::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, name.c_str(),
                 AT_SYMLINK_FOLLOW) == 0) {
      temporary = std::move(name);
      return {};
    }
    if (errno != EEXIST)
      return systemError(target, "create");
  }
  return systemError(target, "find a free temporary name for");
}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : target(std::move(other.target)),
      temporary(std::exchange(other.temporary, {})),
      descriptor(std::exchange(other.descriptor, -1)), position(other.position),
      overwrite(other.overwrite) {}

AtomicFile &AtomicFile::operator=(AtomicFile &&other) noexcept {
  if (this != &other) {
    discard();
    target = std::move(other.target);
    temporary = std::exchange(other.temporary, {});
    descriptor = std::exchange(other.descriptor, -1);
    position = other.position;
    overwrite = other.overwrite;
  }
  return *this;
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() {
  if (descriptor >= 0)
    ::close(std::exchange(descriptor, -1));
  if (!temporary.empty())
    ::unlink(std::exchange(temporary, {}).c_str());
}

Status AtomicFile::write(const void *data, uint64_t count) {
  QOPT_CHECK(writeAt(position, data, count));
  position += count;
  return {};
}

Status AtomicFile::writeAt(uint64_t offset, const void *data,
                           uint64_t count) const {
  if (descriptor < 0)
    return internalError(target, ": written to after it was committed");
  const char *bytes = static_cast<const char *>(data);
  while (count > 0) {
    ssize_t written = ::pwrite(descriptor, bytes, count, offset);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return systemError(target, "write");
    bytes += written;
    offset += written;
    count -= written;
  }
  return {};
}

void AtomicFile::beginFlush(uint64_t offset, uint64_t count) const {
  // Only a hint: commit() reports what goes wrong.
  if (descriptor >= 0)
    ::sync_file_range(descriptor, offset, count, SYNC_FILE_RANGE_WRITE);
}

void AtomicFile::awaitFlush(uint64_t offset, uint64_t count) const {
  if (descriptor >= 0)
    ::sync_file_range(descriptor, offset, count, SYNC_FILE_RANGE_WAIT_BEFORE);
}

Status AtomicFile::resize(uint64_t length) {
  if (descriptor < 0)
    return internalError(target, ": resized after it was committed");
  if (::ftruncate(descriptor, length) != 0)
    return systemError(target, "resize");
  if (length == 0)
    return {};
  // Only the file systems that can do it at once; writing zeros is no gain.
  if (::fallocate(descriptor, 0, 0, length) != 0 && errno != EOPNOTSUPP &&
      errno != ENOSYS)
    return systemError(target, str("reserve ", length, " bytes"));
  return {};
}

Status AtomicFile::commit() {
  if (descriptor < 0)
    return internalError(target, ": committed twice");
  if (::fsync(descriptor) != 0)
    return systemError(target, "flush");
  if (temporary.empty())
    QOPT_CHECK(nameTemporary());
  if (::close(std::exchange(descriptor, -1)) != 0)
    return systemError(target, "close");
  if (overwrite) {
    if (::rename(temporary.c_str(), target.c_str()) != 0)
      return systemError(target, "rename the temporary to");
  } else {
    // Somebody may have made the file since create() looked.
    int failed = ::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD,
                             target.c_str(), RENAME_NOREPLACE);
    if (failed && errno == EEXIST)
      return existsError(target);
    if (failed && (errno == EINVAL || errno == ENOSYS)) // not on this system
      failed = ::rename(temporary.c_str(), target.c_str());
    if (failed)
      return systemError(target, "rename the temporary to");
  }
  temporary.clear();
  return flushDirectory(directoryOf(target));
}

Status qopt::writeTextFile(const std::string &path, std::string_view content,
                           bool overwrite) {
  QOPT_ASSIGN(AtomicFile file, AtomicFile::create(path, overwrite));
  QOPT_CHECK(file.write(content));
  return file.commit();
}

Status qopt::checkOutput(const std::string &path, bool overwrite) {
  QOPT_CHECK(checkName(path, overwrite));
  struct stat status;
  std::string directory = directoryOf(path);
  if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    return ioError(path, ": there is no directory ", directory,
                   "; make it first");
  if (::access(directory.c_str(), W_OK) != 0)
    return ioError(path, ": the directory ", directory, " is not writable");
  return {};
}

Status qopt::checkOutputIsNoInput(const std::string &output,
                                  std::span<const std::string> inputs) {
  struct stat out, in;
  if (::stat(output.c_str(), &out) != 0)
    return {}; // does not exist yet
  for (const std::string &input : inputs)
    if (::stat(input.c_str(), &in) == 0 && in.st_dev == out.st_dev &&
        in.st_ino == out.st_ino)
      return usageError(output, ": is also the input ", input,
                        "; write somewhere else");
  return {};
}
