//===- AtomicDirectory.h - a new directory of files, all or none -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_ATOMICDIRECTORY_H
#define QOPT_IO_ATOMICDIRECTORY_H

#include "qopt/IO/Bytes.h"

namespace qopt {

/// What AtomicFile is for one file, for a directory of them: under its name
/// there is, at any moment, the old directory or the complete new one. Files
/// are written into the hidden sibling `.NAME.partial`, which commit() renames.
/// A killed process leaves that sibling behind; the next one that writes to the
/// same place empties it. Two that write at once are told apart by a lock.
class AtomicDirectory {
public:
  /// What checkOutputDirectory refuses is refused here too.
  static Result<AtomicDirectory> create(const std::string &path,
                                        bool overwrite);
  AtomicDirectory(AtomicDirectory &&) noexcept;
  AtomicDirectory &operator=(AtomicDirectory &&) = delete;
  ~AtomicDirectory();

  /// The name that the directory is going to have.
  const std::string &path() const { return target; }
  /// Where to write the file that will be called `name`, until commit().
  std::string member(std::string_view name) const {
    return staging + "/" + std::string(name);
  }
  /// Makes the directory appear. Files in it must be on disk already, as those
  /// of AtomicFile are.
  Status commit();

private:
  AtomicDirectory() = default;
  Status enter();
  std::string target, staging;
  int descriptor = -1; // of the staging directory, locked
  bool overwrite = false;
};

/// What create() would refuse, known before hours of work: a usage error if
/// `path` exists and `overwrite` is not set, or if it exists and is not a
/// directory that a model was written to (a config.json and other plain files,
/// or nothing); an IO error if it cannot be made.
Status checkOutputDirectory(const std::string &path, bool overwrite);

} // namespace qopt

#endif // QOPT_IO_ATOMICDIRECTORY_H
