//===- ScratchMemory.cpp - memory that lies on disk -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/ScratchMemory.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace qopt;

/// A new file that has no name any more.
static int openUnnamed(const std::string &directory) {
  std::string name = directory + "/qopt-XXXXXX";
  int descriptor = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor >= 0)
    ::unlink(name.c_str());
  return descriptor;
}

Result<std::shared_ptr<float[]>> qopt::scratchFloats(int64_t count) {
  const char *chosen = std::getenv("TMPDIR");
  const std::string directory = chosen && *chosen ? chosen : "/var/tmp";
  const size_t bytes = size_t(count) * sizeof(float);
  if (bytes == 0)
    return std::shared_ptr<float[]>();
  int descriptor = openUnnamed(directory);
  if (descriptor < 0)
    return ioError(directory, ": cannot make a file for activations: ",
                   std::strerror(errno));
  // Without the reservation a full disk would be a SIGBUS later.
  int error = ::posix_fallocate(descriptor, 0, bytes);
  void *address = error ? MAP_FAILED
                        : ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                 MAP_SHARED, descriptor, 0);
  if (!error && address == MAP_FAILED)
    error = errno;
  ::close(descriptor);
  if (error)
    return ioError(directory, ": cannot hold ", bytes,
                   " bytes of activations: ", std::strerror(error),
                   "; choose another directory with TMPDIR, or fewer samples");
  return std::shared_ptr<float[]>(
      static_cast<float *>(address),
      [bytes](float *memory) { ::munmap(memory, bytes); });
}
