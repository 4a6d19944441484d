//===- JsonTree.h - how a JsonDocument holds its values -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_IO_JSONTREE_H
#define QOPT_LIB_IO_JSONTREE_H

#include "qopt/IO/Json.h"

namespace qopt::detail {

/// A value. `first` and `count` say which part of `strings` (String) or of
/// `children` (Array, Object) belongs to it; `number` holds the bits of the
/// scalar kinds.
struct JsonNode {
  JsonKind kind = JsonKind::Null;
  uint32_t parent = 0;
  uint32_t keyFirst = 0, keyCount = 0; // of a member, in `strings`
  uint32_t first = 0, count = 0;
  uint64_t number = 0;
};

struct JsonTree {
  std::string file;
  std::string strings;            // all keys and strings, one after the other
  std::vector<JsonNode> nodes;    // nodes[0] is the root
  std::vector<uint32_t> children; // those of one value are neighbours
  /// The children of each object again, sorted by key, at the same positions.
  std::vector<uint32_t> sorted;

  std::string_view key(uint32_t node) const {
    return std::string_view(strings).substr(nodes[node].keyFirst,
                                            nodes[node].keyCount);
  }
  std::string_view string(uint32_t node) const {
    return std::string_view(strings).substr(nodes[node].first,
                                            nodes[node].count);
  }
  /// `a.b[2].c`.
  std::string path(uint32_t node) const;
};

} // namespace qopt::detail

#endif // QOPT_LIB_IO_JSONTREE_H
