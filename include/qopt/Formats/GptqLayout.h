//===- GptqLayout.h - weights as GPTQ checkpoints hold them -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A weight W [N, K] is stored transposed, codes packed along the inputs:
//
//     qweight I32 [K·b/32, N]   word [i, n]: row n's codes, bits [32 i, 32 i +
//     32)
//                               of the stream of its K codes, low bits first
//     qzeros  I32 [G, N·b/32]   zero points of group g packed along N; v1
//                               stores z − 1 modulo 2^b, v2 stores z
//     scales  F16 [G, N]
//     g_idx   I32 [K]           the group of each column, here k / group
//
// With v1, programs disagree about z = 0: it is stored as 2^b − 1, which some
// read as 2^b, and some add 1 to whole words, so that it carries into its
// neighbour. Writers therefore refuse it (see holdsZeros).
//
// A checkpoint in act-order scatters the columns of a group: g_idx is any map
// from columns to groups of equal size. `Columns::Sorted` is the layout of the
// matrix whose columns are those of the file, stably sorted by g_idx; a column
// permutation over it gives the weight. Only reading needs it.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_GPTQLAYOUT_H
#define QOPT_FORMATS_GPTQLAYOUT_H

#include "qopt/Formats/Component.h"
#include "qopt/Formats/Grouped.h"
#include "qopt/Support/Error.h"

#include <optional>

namespace qopt {

struct GptqLayout {
  enum class Zeros : uint8_t { V1, V2 };
  enum class Columns : uint8_t { InOrder, Sorted };

  GroupedScheme scheme;
  int64_t rows, columns;
  Zeros zeroPoints = Zeros::V1;
  DType scaleType = DType::F16;
  Columns order = Columns::InOrder;

  /// Bad input if the layout cannot hold such a matrix; the message says why
  /// and what could be done.
  static Status supports(const GroupedScheme &scheme, int64_t rows,
                         int64_t columns);

  /// qweight, qzeros, scales, g_idx.
  std::vector<Component> components() const;

  /// Whether every program reads these zero points ([N, G], of the scheme) as
  /// they are meant.
  bool holdsZeros(std::span<const uint8_t> zeros) const;

  /// Rearranges the components of the grouped scheme (codes, scales, zeros).
  /// In order only.
  void pack(ConstBuffers source, MutableBuffers target) const;
  /// The exact inverse, for scales in F16.
  void unpack(ConstBuffers source, MutableBuffers target) const;
};

/// The order of columns that sorts `groupOf` stably: sorted column i is column
/// order[i] of the file. Nothing if a group is out of range or they are not all
/// of `groupLength` columns.
std::optional<std::vector<int64_t>>
sortColumns(std::span<const int32_t> groupOf, int64_t groupLength);

} // namespace qopt

#endif // QOPT_FORMATS_GPTQLAYOUT_H
