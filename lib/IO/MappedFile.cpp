//===- MappedFile.cpp - a read-only file in memory ------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/MappedFile.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace qopt;

Result<std::shared_ptr<const MappedFile>> MappedFile::open(std::string path) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->name = std::move(path);
  // O_NONBLOCK: opening a pipe must not wait for its writer.
  file->descriptor =
      ::open(file->name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file->descriptor < 0)
    return ioError(file->name, ": cannot open: ", std::strerror(errno));
  struct stat status;
  if (::fstat(file->descriptor, &status) != 0)
    return ioError(file->name, ": cannot stat: ", std::strerror(errno));
  if (!S_ISREG(status.st_mode))
    return badInput(file->name, ": is not a regular file");
  if (status.st_size == 0) // cannot be mapped
    return file;
  void *address = ::mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE,
                         file->descriptor, 0);
  if (address == MAP_FAILED)
    return ioError(file->name, ": cannot map: ", std::strerror(errno));
  file->address = static_cast<const uint8_t *>(address);
  file->length = status.st_size;
  return file;
}

MappedFile::~MappedFile() {
  if (address)
    ::munmap(const_cast<uint8_t *>(address), length);
  if (descriptor >= 0)
    ::close(descriptor);
}

Status MappedFile::stillWhole() const {
  struct stat status;
  if (::fstat(descriptor, &status) != 0)
    return ioError(name, ": cannot stat: ", std::strerror(errno));
  if (uint64_t(status.st_size) < length)
    return ioError(name, ": shrank from ", length, " to ", status.st_size,
                   " bytes while it was being read");
  return {};
}

Result<ByteSpan> MappedFile::slice(uint64_t offset, uint64_t count) const {
  std::optional<uint64_t> end = checkedAdd(offset, count);
  if (!end || *end > length)
    return badInput(name, ": at byte ", offset, ": ", count,
                    " bytes wanted of a file of ", length);
  QOPT_CHECK(stillWhole());
  return bytes().subspan(offset, count);
}

/// About the whole pages that `mapped` touches.
static int advise(ByteSpan mapped, int advice) {
  if (mapped.empty())
    return 0;
  const uintptr_t page = ::sysconf(_SC_PAGESIZE);
  uintptr_t begin = reinterpret_cast<uintptr_t>(mapped.data()) / page * page;
  uintptr_t end = reinterpret_cast<uintptr_t>(mapped.data() + mapped.size());
  return ::madvise(reinterpret_cast<void *>(begin), end - begin, advice);
}

// What the system answers to mere advice does not matter.
void qopt::willRead(ByteSpan mapped) { advise(mapped, MADV_WILLNEED); }
void qopt::doneReading(ByteSpan mapped) { advise(mapped, MADV_DONTNEED); }

Status qopt::readNow(ByteSpan mapped) {
#ifdef MADV_POPULATE_READ
  if (advise(mapped, MADV_POPULATE_READ) == 0)
    return {};
  if (errno == EFAULT)
    return ioError("an input has become shorter while it was being read, or "
                   "cannot be read");
#endif
  willRead(mapped); // before Linux 5.14
  return {};
}

Result<std::string> qopt::readWholeFile(const std::string &path,
                                        uint64_t limit) {
  QOPT_ASSIGN(auto file, MappedFile::open(path));
  if (file->size() > limit)
    return badInput(path, ": is larger than ", limit, " bytes");
  QOPT_ASSIGN(ByteSpan bytes, file->slice(0, file->size()));
  return std::string(bytes.begin(), bytes.end());
}

Result<std::string> qopt::readTextFile(const std::string &path) {
  QOPT_ASSIGN(std::string text, readWholeFile(path));
  if (size_t place = text.find('\0'); place != std::string::npos)
    return badInput(path, ": is not text in UTF-8: byte ", place, " is 0");
  return text;
}
