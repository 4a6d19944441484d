//===- Gguf.h - reading and writing GGUF ------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     file:   "GGUF" | u32 version | u64 tensors | u64 keys |
//             key* | tensor* | 0* | data
//     key:    string | u32 type | value      array: u32 type | u64 n | value*
//     tensor: string | u32 dims | u64 dim* | u32 type | u64 offset
//     string: u64 bytes | UTF-8
//
// data starts at a multiple of general.alignment (default 32) and offsets count
// from there. Each offset is the sum of the sizes before it, each rounded up to
// the alignment. dims[0] is the row length: the reverse of a PyTorch shape.
//
// A model may be split into parts NAME-00001-of-0000N.gguf, each a file of this
// form. The first has all metadata; each has split.count (N), split.no (from 0)
// and split.tensors.count (of all parts together).
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_GGUF_H
#define QOPT_IO_GGUF_H

#include "qopt/Formats/FormatTable.h"
#include "qopt/IO/GgufMetadata.h"
#include "qopt/IO/MappedFile.h"
#include "qopt/IO/RegionFile.h"

namespace qopt {

/// A tensor to be written.
struct GgufDeclaration {
  std::string name; // 1 to 63 bytes
  GgufType type;
  std::vector<int64_t> dims; // row length first; 1 to 4
};

/// A tensor of a GGUF file.
struct GgufTensor {
  std::string name;
  GgufType type;
  std::vector<int64_t> dims; // row length first; 1 to 4, all positive
  uint64_t offset;           // in its file
  uint64_t bytes;
  size_t part = 0; // index into GgufFile::parts()

  int64_t rowLength() const { return dims[0]; }
  int64_t rows() const { // product of the other dimensions
    int64_t count = 1;
    for (size_t i = 1; i < dims.size(); ++i)
      count *= dims[i];
    return count;
  }
};

/// What a file says before its data.
struct GgufHeader {
  GgufMetadata metadata;
  std::vector<GgufTensor> tensors; // in file order
  uint64_t alignment;
};

/// Parses and checks `bytes`, a whole file. Versions 2 and 3 (which differ only
/// in that 3 allows big-endian files) are accepted. The padding after the last
/// tensor may be missing, and what follows it is not looked at, as in ggml.
Result<GgufHeader> parseGguf(ByteSpan bytes, const std::string &file);

/// A model in one file or several.
class GgufFile {
public:
  /// Also opens the other parts of a model that is split, whichever of them
  /// `path` is. They must lie beside it, as regular files (see
  /// checkpointMember), and fit together.
  static Result<GgufFile> open(const std::string &path);
  /// Opens that file alone.
  static Result<GgufFile> openPart(const std::string &path);

  /// The first file, in order of `split.no`.
  const MappedFile &file() const { return *mapped.front(); }
  const std::vector<std::shared_ptr<const MappedFile>> &parts() const {
    return mapped;
  }
  const GgufMetadata &metadata() const { return header.metadata; }
  const std::vector<GgufTensor> &tensors() const { return header.tensors; }
  uint64_t alignment() const { return header.alignment; }
  /// Null if there is none.
  const GgufTensor *find(std::string_view name) const;
  Result<ByteSpan> data(const GgufTensor &tensor) const {
    return mapped[tensor.part]->slice(tensor.offset, tensor.bytes);
  }

private:
  GgufFile(std::shared_ptr<const MappedFile> mapped, GgufHeader header);
  Status append(GgufFile part);
  std::vector<std::shared_ptr<const MappedFile>> mapped;
  GgufHeader header;
  std::unordered_map<std::string, size_t> byName;
};

/// The name of part `index` (from 0) of `count` of the model `path`, which may
/// end in .gguf.
std::string ggufPartName(const std::string &path, int64_t index, int64_t count);

/// Streams a version 3 file: metadata and all tensors are declared first, then
/// the data is written in any order (see RegionFile: write, writePart, finish).
/// The alignment is metadata's general.alignment, 32 if it is not set.
class GgufWriter : public RegionFile {
public:
  static Result<GgufWriter> create(const std::string &path,
                                   const GgufMetadata &metadata,
                                   const std::vector<GgufDeclaration> &tensors,
                                   bool overwrite = false);

private:
  explicit GgufWriter(RegionFile file) : RegionFile(std::move(file)) {}
};

} // namespace qopt

#endif // QOPT_IO_GGUF_H
