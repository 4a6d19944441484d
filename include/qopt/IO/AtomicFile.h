//===- AtomicFile.h - a new file, complete or not at all --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_ATOMICFILE_H
#define QOPT_IO_ATOMICFILE_H

#include "qopt/IO/Bytes.h"

namespace qopt {

/// Writes a file through a temporary. Under its own name there is, at any
/// moment, the old file or the complete new one: commit() flushes the temporary
/// to disk, renames it and flushes the directory. Without commit() it is gone
/// with this object. The temporary has no name before commit(), so that a
/// killed process leaves nothing behind; on file systems that have no unnamed
/// files (NFS) it is `.qopt-<pid>-<n>.tmp` in the same directory.
class AtomicFile {
public:
  /// Usage error if `path` exists and `overwrite` is not set.
  static Result<AtomicFile> create(std::string path, bool overwrite = false);
  AtomicFile(AtomicFile &&) noexcept;
  AtomicFile &operator=(AtomicFile &&) noexcept;
  ~AtomicFile();

  const std::string &path() const { return target; }
  /// Bytes appended so far.
  uint64_t size() const { return position; }

  /// Appends.
  Status write(const void *data, uint64_t count);
  Status write(std::string_view text) {
    return write(text.data(), text.size());
  }
  /// Writes anywhere; does not move the append position. Ranges that nobody
  /// writes read as zeros. May be called from several threads at once.
  Status writeAt(uint64_t offset, const void *data, uint64_t count) const;
  /// Starts to bring a range that has been written to disk, so that commit()
  /// has less to wait for.
  void beginFlush(uint64_t offset, uint64_t count) const;
  /// Waits until what was begun is done.
  void awaitFlush(uint64_t offset, uint64_t count) const;
  /// Sets the length and asks the file system for the space now, so that a full
  /// disk is reported before hours of work.
  Status resize(uint64_t length);

  /// Makes the file appear under its name. Afterwards nothing can be written.
  Status commit();

private:
  AtomicFile() = default;
  std::string temporaryName(int attempt) const;
  Status openNamed();
  Status nameTemporary();
  void discard();
  std::string target, temporary;
  int descriptor = -1;
  uint64_t position = 0;
  bool overwrite = false;
};

/// Writes `content` to `path` atomically.
Status writeTextFile(const std::string &path, std::string_view content,
                     bool overwrite = false);

/// What create() would refuse, known before hours of work: a usage error if
/// `path` exists and `overwrite` is not set, an IO error if its directory does
/// not exist or cannot be written to.
Status checkOutput(const std::string &path, bool overwrite);

/// Usage error if `output` exists and is the same file as one of `inputs`, by
/// whatever name.
Status checkOutputIsNoInput(const std::string &output,
                            std::span<const std::string> inputs);

} // namespace qopt

#endif // QOPT_IO_ATOMICFILE_H
