//===- PackQuantizedLayout.h - weights of compressed-tensors ----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The format `pack-quantized` of compressed-tensors keeps W [N, K] in rows:
//
//     weight_packed     I32 [N, words of K codes]   q, that is the signed code
//                                                   plus 2^(b−1)
//     weight_scale          [N, G]                  of the type of the model
//     weight_zero_point I32 [words of N codes, G]   z, packed along N; absent
//                                                   if symmetric
//     weight_shape      I64 [2]                     N, K
//
// Codes of 3, 5, 6 and 7 bits do not divide a word. They are written densely;
// files of earlier versions of that library leave bits of every word unused.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_PACKQUANTIZEDLAYOUT_H
#define QOPT_FORMATS_PACKQUANTIZEDLAYOUT_H

#include "qopt/Formats/Component.h"
#include "qopt/Formats/Grouped.h"
#include "qopt/Formats/Words.h"
#include "qopt/Support/Error.h"

namespace qopt {

struct PackQuantizedLayout {
  GroupedScheme scheme;
  int64_t rows, columns;
  DType scaleType = DType::F16;
  WordFill fill = WordFill::Dense;

  /// Bad input if the layout cannot hold such a matrix; the message says why
  /// and what could be done.
  static Status supports(const GroupedScheme &scheme, int64_t rows,
                         int64_t columns);

  /// weight_packed, weight_scale, weight_zero_point unless symmetric,
  /// weight_shape.
  std::vector<Component> components() const;

  /// Rearranges the components of the grouped scheme (codes, scales, zeros).
  void pack(ConstBuffers source, MutableBuffers target) const;
  /// The exact inverse, for scales in F16.
  void unpack(ConstBuffers source, MutableBuffers target) const;
};

} // namespace qopt

#endif // QOPT_FORMATS_PACKQUANTIZEDLAYOUT_H
