//===- GgufParts.h - what reading and writing GGUF share --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_IO_GGUFPARTS_H
#define QOPT_LIB_IO_GGUFPARTS_H

#include "qopt/IO/Gguf.h"

namespace qopt::detail {

constexpr uint64_t ggufMaxName = 63, ggufMaxKey = 65535, ggufMaxDims = 4;

/// Reads a string that names something: 1 to `limit` bytes of UTF-8 without
/// NUL.
Result<std::string_view> readGgufName(ByteReader &reader, std::string_view what,
                                      uint64_t limit);
/// Reads a key with its value into `metadata`.
Status readGgufKey(ByteReader &reader, GgufMetadata &metadata);
void appendGgufString(std::string &target, std::string_view text);
/// The inverse of readGgufKey. The value must hold what its type says.
void appendGgufKey(std::string &target, std::string_view key,
                   const GgufValue &value);

/// general.alignment, checked, or its default.
Result<uint64_t> ggufAlignment(const GgufMetadata &metadata);
/// Bytes of a tensor; an error if its type or dims are not acceptable.
Result<uint64_t> ggufTensorBytes(std::string_view name, uint32_t type,
                                 const std::vector<int64_t> &dims);

} // namespace qopt::detail

#endif // QOPT_LIB_IO_GGUFPARTS_H
