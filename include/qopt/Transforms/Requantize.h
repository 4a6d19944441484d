//===- Requantize.h - quantizing what is quantized already ------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TRANSFORMS_REQUANTIZE_H
#define QOPT_TRANSFORMS_REQUANTIZE_H

#include "qopt/Support/Error.h"

#include "mlir/IR/BuiltinOps.h"

namespace qopt {

/// Readies weights that are quantized already for the types that assignTypes
/// gave them. One that has its type keeps its bytes. For others the errors of
/// both roundings add up, so unless it is allowed, they are a usage error that
/// names the first; if it is allowed, they become float views of what they are:
/// passes that quantize read their dequantized values.
Status prepareRequantization(mlir::ModuleOp module, bool allow);

} // namespace qopt

#endif // QOPT_TRANSFORMS_REQUANTIZE_H
