//===- GgufParts.cpp - what reading and writing GGUF share ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GgufParts.h"

#include <bit>

using namespace qopt;

Result<uint64_t> detail::ggufAlignment(const GgufMetadata &metadata) {
  QOPT_ASSIGN(uint64_t alignment,
              metadata.getUnsigned("general.alignment", 32));
  if (!std::has_single_bit(alignment) || alignment > (1 << 16))
    return badInput("general.alignment is ", alignment,
                    "; a power of two up to 65536 is allowed");
  return alignment;
}

/// Bytes of a tensor; checks dims and type.
Result<uint64_t> detail::ggufTensorBytes(std::string_view name, uint32_t type,
                                         const std::vector<int64_t> &dims) {
  const FormatRow *row = findFormat(GgufType(type));
  if (!row)
    return badInput("tensor ", quote(name), ": type ", type,
                    " is not supported");
  if (dims.empty() || dims.size() > ggufMaxDims)
    return badInput("tensor ", quote(name), ": ", dims.size(),
                    " dimensions; 1 to ", ggufMaxDims, " are allowed");
  if (!checkedTensorBytes(dims, 8))
    return badInput("tensor ", quote(name),
                    ": a dimension is not positive, or there are too many "
                    "elements");
  if (dims[0] % row->blockElements != 0)
    return badInput("tensor ", quote(name), ": rows of ", dims[0],
                    " weights are not made of ", row->ggmlName, " blocks of ",
                    row->blockElements);
  uint64_t rows = 1;
  for (size_t i = 1; i < dims.size(); ++i)
    rows *= dims[i]; // fits, as all elements times 8 do
  return rows * row->rowBytes(dims[0]);
}
