//===- Archive.h - the file that holds packed weights -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// safetensors: a length (8 bytes, little endian), so many bytes of JSON, data.
// The JSON gives for each tensor [begin, end) from the start of the data.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_RUNTIME_ARCHIVE_H
#define QOPT_RUNTIME_ARCHIVE_H

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace qopt::runtime {

/// Where the tensors of an archive lie.
class ArchiveIndex {
public:
  /// Reads the header of `file`, a whole archive; every tensor lies inside of
  /// it. False with a sentence in `error`.
  bool parse(std::string_view file, std::string &error);
  /// The bytes of a tensor of the file that was parsed; null data if there is
  /// none of that name.
  std::string_view find(std::string_view file, const std::string &name) const;

private:
  std::unordered_map<std::string, std::pair<uint64_t, uint64_t>> tensors;
};

/// An archive, mapped read-only.
class Archive {
public:
  Archive() = default;
  Archive(const Archive &) = delete;
  ~Archive();
  bool open(const std::string &path, std::string &error);
  std::string_view find(const std::string &name) const {
    return index.find(bytes, name);
  }

private:
  std::string_view bytes;
  ArchiveIndex index;
};

} // namespace qopt::runtime

#endif // QOPT_RUNTIME_ARCHIVE_H
