//===- GgufWriter.cpp - writing GGUF --------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GgufParts.h"

using namespace qopt;

template <typename T> static void append(std::string &target, T number) {
  target.append(reinterpret_cast<const char *>(&number), sizeof(number));
}

/// Whether the value holds what its type says, and is not an array of arrays.
static bool isConsistent(const GgufValue &value) {
  using T = GgufValueType;
  size_t index = 0; // of the variant: unsigned, signed, float, bool, string
  if (value.type == T::Array || value.type > T::F64)
    return false;
  if (value.type == T::I8 || value.type == T::I16 || value.type == T::I32 ||
      value.type == T::I64)
    index = 1;
  else if (value.type == T::F32 || value.type == T::F64)
    index = 2;
  else if (value.type == T::Bool)
    index = 3;
  else if (value.type == T::String)
    index = 4;
  return value.value.index() == index + (value.array ? 5 : 0);
}

/// A wrong declaration is our own mistake, not the user's.
static Error asInternal(Error error) {
  return {ErrorKind::Internal, std::move(error.message)};
}

Result<GgufWriter>
GgufWriter::create(const std::string &path, const GgufMetadata &metadata,
                   const std::vector<GgufDeclaration> &tensors,
                   bool overwrite) {
  QOPT_ASSIGN(uint64_t alignment,
              detail::ggufAlignment(metadata).map_error(asInternal));
  std::string header = "GGUF";
  append<uint32_t>(header, 3);
  append<uint64_t>(header, tensors.size());
  append<uint64_t>(header, metadata.entries().size());
  for (const auto &[key, value] : metadata.entries()) {
    if (key.empty() || key.size() > detail::ggufMaxKey || !isConsistent(value))
      return internalError(path, ": key ", quote(key),
                           " is not 1 to 65535 bytes long or its value is not "
                           "of its type");
    detail::appendGgufKey(header, key, value);
  }

  std::vector<FileRegion> regions; // offsets from the start of the data, first
  uint64_t end = 0;
  for (const GgufDeclaration &tensor : tensors) {
    if (tensor.name.empty() || tensor.name.size() > detail::ggufMaxName)
      return internalError(path, ": tensor name ", quote(tensor.name), " of ",
                           tensor.name.size(), " bytes; GGUF allows 1 to ",
                           detail::ggufMaxName);
    QOPT_ASSIGN(
        uint64_t bytes,
        detail::ggufTensorBytes(tensor.name, uint32_t(tensor.type), tensor.dims)
            .map_error(asInternal));
    detail::appendGgufString(header, tensor.name);
    append<uint32_t>(header, tensor.dims.size());
    for (int64_t dim : tensor.dims)
      append(header, dim);
    append(header, tensor.type);
    append(header, end);
    regions.push_back({tensor.name, end, bytes});
    std::optional<uint64_t> next = checkedAdd(end, bytes);
    if (next)
      next = checkedAlign(*next, alignment);
    if (!next)
      return internalError(path, ": more than 2^64 bytes of tensors");
    end = *next;
  }
  uint64_t start = alignUp(header.size(), alignment);
  for (FileRegion &region : regions)
    region.offset += start;
  QOPT_ASSIGN(RegionFile file,
              RegionFile::create(path, header, std::move(regions), start + end,
                                 overwrite));
  return GgufWriter(std::move(file));
}
