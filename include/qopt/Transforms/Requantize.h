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

/// Readies a module whose weights may be quantized for being quantized again.
/// The errors of both roundings add up, so unless it is allowed, a quantized
/// weight of a linear in the blocks (and, with `includeHead`, in the entry) is
/// a usage error that names it. If it is allowed, these weights become float
/// views of what they are: passes that quantize read their dequantized values.
Status prepareRequantization(mlir::ModuleOp module, bool includeHead,
                             bool allow);

} // namespace qopt

#endif // QOPT_TRANSFORMS_REQUANTIZE_H
