//===- Safetensors.h - reading and writing .safetensors ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     file:   u64 n | header: n bytes of JSON | data
//     header: {"__metadata__": {string: string},
//              NAME: {"dtype": "F16", "shape": [2, 3],
//                     "data_offsets": [begin, end]}, …}
//
// Offsets count from the start of data; sorted, the tensors tile it without
// holes.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_SAFETENSORS_H
#define QOPT_IO_SAFETENSORS_H

#include "qopt/Formats/DType.h"
#include "qopt/IO/MappedFile.h"
#include "qopt/IO/RegionFile.h"

#include <utility>

namespace qopt {

using StringPairs = std::vector<std::pair<std::string, std::string>>;

/// A tensor of a safetensors file. Shapes may have extents of 0 (no bytes) or
/// no extents (a scalar).
struct SafetensorsTensor {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  uint64_t offset; // in the file
  uint64_t bytes;
};

/// What the header of a file says.
struct SafetensorsHeader {
  std::vector<SafetensorsTensor> tensors; // by offset
  StringPairs metadata;                   // in file order
};

/// Parses and checks the header of `bytes`, a whole file.
Result<SafetensorsHeader> parseSafetensors(ByteSpan bytes,
                                           const std::string &file);

class SafetensorsFile {
public:
  static Result<SafetensorsFile> open(const std::string &path);

  const MappedFile &file() const { return *mapped; }
  std::shared_ptr<const MappedFile> share() const { return mapped; }
  const std::vector<SafetensorsTensor> &tensors() const {
    return header.tensors;
  }
  const StringPairs &metadata() const { return header.metadata; }
  /// Null if there is none.
  const SafetensorsTensor *find(std::string_view name) const;
  /// Its bytes, unaligned, valid while this (or share()) lives.
  Result<ByteSpan> data(const SafetensorsTensor &tensor) const {
    return mapped->slice(tensor.offset, tensor.bytes);
  }

private:
  SafetensorsFile(std::shared_ptr<const MappedFile> mapped,
                  SafetensorsHeader header);
  std::shared_ptr<const MappedFile> mapped;
  SafetensorsHeader header;
  std::unordered_map<std::string, size_t> byName;
};

/// A tensor to be written.
struct SafetensorsDeclaration {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
};

/// Streams a file: all tensors are declared first, then written in any order
/// (see RegionFile: write, writePart, finish). Data starts at a multiple of 64;
/// tensors lie in order of element size, largest first, otherwise as declared,
/// so that each is aligned to its elements.
class SafetensorsWriter : public RegionFile {
public:
  static Result<SafetensorsWriter>
  create(const std::string &path,
         const std::vector<SafetensorsDeclaration> &declarations,
         const StringPairs &metadata = {}, bool overwrite = false);

private:
  explicit SafetensorsWriter(RegionFile file) : RegionFile(std::move(file)) {}
};

} // namespace qopt

#endif // QOPT_IO_SAFETENSORS_H
