//===- GgufOutput.h - the file or files of a model --------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_EXPORT_GGUFOUTPUT_H
#define QOPT_LIB_EXPORT_GGUFOUTPUT_H

#include "qopt/IO/Gguf.h"

namespace qopt::detail {

/// A model being written: one GGUF file, or parts of about equal size, each
/// with a run of the tensors.
class GgufOutput {
public:
  /// With several parts, `path` is the name without their numbers; metadata
  /// goes to the first.
  static Result<GgufOutput> create(const std::string &path,
                                   const GgufMetadata &metadata,
                                   const std::vector<GgufDeclaration> &tensors,
                                   int64_t parts, bool overwrite);

  /// Writes bytes of tensor `index` of the declarations, from `offset` on.
  Status write(size_t index, uint64_t offset, ByteSpan bytes);
  /// Makes the files appear: the first part, by which a model is opened, last.
  Status finish();

private:
  struct Place {
    size_t part;
    std::string name;
  };
  std::vector<GgufWriter> writers;
  std::vector<Place> places; // of tensors
};

} // namespace qopt::detail

#endif // QOPT_LIB_EXPORT_GGUFOUTPUT_H
