//===- AwqLayout.h - weights as AWQ checkpoints hold them (gemm) -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A weight W [N, K] of 4-bit codes is stored transposed and packed along the
// outputs, eight rows to a word:
//
//     qweight I32 [K, N/8]   nibble i of word [k, j] is the code of
//     qzeros  I32 [G, N/8]   row 8 j + {0, 2, 4, 6, 1, 3, 5, 7}[i]
//     scales  F16 [G, N]
//
// so that a mask and a shift by 4, 8 and 12 leave neighbouring rows in the
// halves of a register. Zero points are stored as they are, of a symmetric
// scheme too.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_AWQLAYOUT_H
#define QOPT_FORMATS_AWQLAYOUT_H

#include "qopt/Formats/Component.h"
#include "qopt/Formats/Grouped.h"
#include "qopt/Support/Error.h"

namespace qopt {

struct AwqLayout {
  GroupedScheme scheme;
  int64_t rows, columns;
  DType scaleType = DType::F16;

  /// Bad input if the layout cannot hold such a matrix; the message says why
  /// and what could be done.
  static Status supports(const GroupedScheme &scheme, int64_t rows,
                         int64_t columns);

  /// qweight, qzeros, scales.
  std::vector<Component> components() const;

  /// Rearranges the components of the grouped scheme (codes, scales, zeros).
  void pack(ConstBuffers source, MutableBuffers target) const;
  /// The exact inverse, for scales in F16.
  void unpack(ConstBuffers source, MutableBuffers target) const;
};

} // namespace qopt

#endif // QOPT_FORMATS_AWQLAYOUT_H
