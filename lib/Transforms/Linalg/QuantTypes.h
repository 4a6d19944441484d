//===- QuantTypes.h - grouped weights in the upstream quant dialect -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_LINALG_QUANTTYPES_H
#define QOPT_LIB_TRANSFORMS_LINALG_QUANTTYPES_H

#include "qopt/Formats/Grouped.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace qopt {

/// The f32 tensor [N, K] of a weight by `quant.scast` of its codes and
/// `quant.dcast` of a `!quant.uniform` type with its scales and zero points.
/// Null where that type cannot say it: groups that do not divide K.
mlir::Value dequantizedByQuantDialect(mlir::ImplicitLocOpBuilder &builder,
                                      const GroupedMatrix &matrix);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_LINALG_QUANTTYPES_H
