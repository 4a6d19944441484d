//===- GroupedBlocks.h - grouped integers as GGUF blocks ----------- -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A block of 32 weights repeats the scale s of its group; codes are shifted:
//
//     Q4_0   d (q' - 8)   symmetric, 2 to 4 bits:  d = s, q' = q - z + 8
//     Q4_1   d q' + m     asymmetric, 2 to 4 bits: d = s, q' = q, m = f16(-s z)
//     Q8_0   d q'         5 to 8 bits:             d = s, q' = q - z
//
// Only m is rounded; everything else is exact.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_GROUPEDBLOCKS_H
#define QOPT_FORMATS_GROUPEDBLOCKS_H

#include "qopt/Formats/FormatTable.h"
#include "qopt/Formats/Grouped.h"
#include "qopt/Support/Error.h"

#include <optional>

namespace qopt {

struct GroupedBlocks {
  std::vector<uint8_t> blocks;
  /// The largest |f16(-s z) + s z| of Q4_1; otherwise 0.
  float largestError = 0;
};

/// The type whose blocks hold a grouped matrix of `columns` columns. BadInput
/// that says what to do if groups do not fall on blocks of 32.
Result<GgufType> blockTypeOf(const GroupedScheme &scheme, int64_t columns);

/// The blocks of that type, row by row. BadInput naming row and column if
/// q - z does not fit the type (8 bits with an extreme zero point), or naming
/// row and group if -s z is beyond f16.
Result<GroupedBlocks> packGroupedBlocks(const GroupedMatrix &matrix);

} // namespace qopt

#endif // QOPT_FORMATS_GROUPEDBLOCKS_H
