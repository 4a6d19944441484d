//===- Component.h - the arrays that hold a weight -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A weight in storage is one array or several: a float tensor is one; a grouped
// matrix is codes, scales and zeros; a GGUF type is blocks. The same components
// lie in an archive as tensors `<symbol>.<suffix>` and inside a module as the
// entries of #qopt.inline.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_COMPONENT_H
#define QOPT_FORMATS_COMPONENT_H

#include "qopt/Formats/DType.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace qopt {

struct Component {
  std::string_view suffix; // a literal: "codes", "scales", "zeros", "blocks"
  DType type;
  std::vector<int64_t> shape;

  int64_t bytes() const {
    int64_t count = byteSize(type);
    for (int64_t extent : shape)
      count *= extent;
    return count;
  }
};

/// The bytes of each component of a weight, in the order of the components.
using ConstBuffers = std::span<const std::span<const uint8_t>>;
using MutableBuffers = std::span<const std::span<uint8_t>>;

} // namespace qopt

#endif // QOPT_FORMATS_COMPONENT_H
