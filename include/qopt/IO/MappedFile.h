//===- MappedFile.h - a read-only file in memory ----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_MAPPEDFILE_H
#define QOPT_IO_MAPPEDFILE_H

#include "qopt/IO/Bytes.h"

#include <memory>

namespace qopt {

/// A regular file mapped read-only. Readers hold it by shared pointer, so that
/// spans into it live as long as the reader that handed them out.
class MappedFile {
public:
  /// Errors: IO if the system refuses, BadInput if it is not a regular file.
  static Result<std::shared_ptr<const MappedFile>> open(std::string path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  const std::string &path() const { return name; }
  uint64_t size() const { return length; }
  /// The file as it was when it was opened. Reading a page that has since been
  /// cut off raises SIGBUS; call stillWhole() before each large use.
  ByteSpan bytes() const { return {address, length}; }

  /// An error if the file has become shorter since it was opened. The window
  /// between this check and the use cannot be closed, only kept small.
  Status stillWhole() const;

  /// Bytes [offset, offset + count), range checked and checked to be there
  /// still.
  Result<ByteSpan> slice(uint64_t offset, uint64_t count) const;

private:
  MappedFile() = default;
  std::string name;
  int descriptor = -1;
  const uint8_t *address = nullptr;
  uint64_t length = 0;
};

/// Tells the system that bytes of a mapped file are going to be read from first
/// to last: it starts to fetch them, and returns.
void willRead(ByteSpan mapped);
/// Reads them, and returns when they are in memory. IO error if the file has
/// become shorter or cannot be read; on a system that cannot say that, as
/// willRead().
Status readNow(ByteSpan mapped);
/// Tells the system that they are not needed soon: their pages no longer count
/// for this process. Reading them again is allowed.
void doneReading(ByteSpan mapped);

/// Reads a whole small file (configs, tokenizers); an error if it is larger
/// than `limit` bytes.
Result<std::string> readWholeFile(const std::string &path,
                                  uint64_t limit = uint64_t(1) << 30);
/// The same of a text that people wrote; an error if it has a byte 0, as texts
/// in UTF-16 and files of programs do.
Result<std::string> readTextFile(const std::string &path);

} // namespace qopt

#endif // QOPT_IO_MAPPEDFILE_H
