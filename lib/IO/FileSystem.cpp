//===- FileSystem.cpp - what writers of files share -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "FileSystem.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace qopt;
using namespace qopt::detail;

tl::unexpected<Error> qopt::detail::systemError(const std::string &path,
                                                std::string_view action) {
  int code = errno;
  return ioError(path, ": cannot ", action, ": ", std::strerror(code));
}

tl::unexpected<Error> qopt::detail::existsError(const std::string &path) {
  return usageError(path, ": exists already; say --overwrite to replace it");
}

Status qopt::detail::flushDirectory(const std::string &directory) {
  int descriptor =
      ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return systemError(directory, "open");
  // Some file systems cannot flush directories, and say EINVAL.
  bool failed = ::fsync(descriptor) != 0 && errno != EINVAL;
  int code = errno;
  ::close(descriptor);
  errno = code;
  if (failed)
    return systemError(directory, "flush");
  return {};
}

std::string qopt::detail::directoryOf(const std::string &path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos)
    return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}
