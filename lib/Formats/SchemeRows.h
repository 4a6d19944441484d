//===- SchemeRows.h - rows of a matrix as its scheme stores them -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_SCHEMEROWS_H
#define QOPT_LIB_FORMATS_SCHEMEROWS_H

#include "qopt/Formats/BlockFields.h"
#include "qopt/Formats/Component.h"

#include <cstring>

namespace qopt {

/// Rows of K weights in the components of a scheme: codes [N, row bytes],
/// scales and zeros [N, G] of the grouped one; or blocks [N, row bytes].
class SchemeRows {
public:
  /// `fields` describes the blocks of a GGUF type; null for the grouped scheme.
  SchemeRows(const AffineHierarchy &hierarchy, int64_t columns,
             const BlockFields *fields)
      : fields(fields), bits(hierarchy.bits), groups(hierarchy.groups(columns)),
        codeBytes((columns * hierarchy.bits + 7) / 8),
        blockBytes(fields ? columns / fields->elements * fields->bytes : 0) {}

  void read(ConstBuffers source, int64_t index, HierarchyRow &row) const {
    if (fields)
      return fields->read(source[0].data() + index * blockBytes, row);
    unpackCodes(source[0].data() + index * codeBytes, bits, row.codes);
    std::memcpy(row.scales.data(), &source[1][2 * index * groups], 2 * groups);
    for (size_t group = 0; group < row.minima.size(); ++group)
      row.minima[group] = source[2][index * groups + group];
  }

  void write(const HierarchyRow &row, int64_t index,
             MutableBuffers target) const {
    if (fields)
      return fields->write(row, target[0].data() + index * blockBytes);
    packCodes(row.codes, bits, target[0].data() + index * codeBytes);
    std::memcpy(&target[1][2 * index * groups], row.scales.data(), 2 * groups);
    for (size_t group = 0; group < row.minima.size(); ++group)
      target[2][index * groups + group] = uint8_t(row.minima[group]);
  }

private:
  const BlockFields *fields;
  int bits;
  int64_t groups, codeBytes, blockBytes;
};

} // namespace qopt

#endif // QOPT_LIB_FORMATS_SCHEMEROWS_H
