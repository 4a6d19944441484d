//===- QOptTypes.h - weights that are no longer floats -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_QOPT_QOPTTYPES_H
#define QOPT_DIALECT_QOPT_QOPTTYPES_H

#include "mlir/IR/BuiltinTypeInterfaces.h"
#include "qopt/Dialect/QOpt/QOptAttrs.h"

#define GET_TYPEDEF_CLASSES
#include "qopt/Dialect/QOpt/QOptTypes.h.inc"

namespace qopt {

/// The arrays that hold a weight of this type: those of a quantized or packed
/// type, or for a float tensor one array with an empty suffix.
std::vector<Component> weightComponents(mlir::ShapedType type);

/// The scheme of a quantized or packed weight, null for floats.
SchemeAttrInterface weightScheme(mlir::Type type);

/// F16, BF16, F64, or F32 for every other type.
DType floatDType(mlir::Type type);

/// The MLIR element type of a component: i8 for bytes, f16, …
mlir::Type componentElementType(mlir::MLIRContext *context, DType type);

} // namespace qopt

#endif // QOPT_DIALECT_QOPT_QOPTTYPES_H
