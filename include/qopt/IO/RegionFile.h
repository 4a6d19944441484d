//===- RegionFile.h - a file of regions known up front ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_REGIONFILE_H
#define QOPT_IO_REGIONFILE_H

#include "qopt/IO/AtomicFile.h"

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace qopt {

/// A named range of bytes of a file.
struct FileRegion {
  std::string name;
  uint64_t offset, bytes;
};

/// The part that tensor file writers share: a header, then regions whose places
/// are known before the first one is written. Regions may be written in any
/// order, in parts, from several threads; bytes between regions are zeros. Each
/// byte of each region is written exactly once, or finish() fails and no file
/// appears. Writing goes at the speed of the disk: only some MB wait in memory
/// for it, so that finish(), or giving up, need not wait long.
class RegionFile {
public:
  /// `length` is that of the whole file. Regions must be disjoint and inside.
  static Result<RegionFile> create(const std::string &path,
                                   std::string_view header,
                                   std::vector<FileRegion> regions,
                                   uint64_t length, bool overwrite);

  /// Writes the whole region `name`.
  Status write(std::string_view name, ByteSpan bytes);
  /// Writes a part of it, from byte `offset` of the region on.
  Status writePart(std::string_view name, uint64_t offset, ByteSpan bytes);
  /// Checks that everything is written, and makes the file appear.
  Status finish();

  const std::string &path() const { return file.path(); }
  const std::vector<FileRegion> &regions() const { return state->regions; }

private:
  struct State {
    std::vector<FileRegion> regions;
    std::unordered_map<std::string_view, size_t> byName; // into regions
    std::mutex mutex;
    /// Written bytes, as maximal intervals begin → end of file offsets.
    std::map<uint64_t, uint64_t> written;
    /// Ranges on their way to the disk, the oldest first.
    std::deque<std::pair<uint64_t, uint64_t>> flushing;
    uint64_t flushingBytes = 0;
    Status claim(const FileRegion &region, uint64_t begin, uint64_t end);
  };
  void flush(uint64_t offset, uint64_t count);
  RegionFile(AtomicFile file, std::unique_ptr<State> state)
      : file(std::move(file)), state(std::move(state)) {}
  AtomicFile file;
  std::unique_ptr<State> state;
};

} // namespace qopt

#endif // QOPT_IO_REGIONFILE_H
