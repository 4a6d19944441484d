//===- AssignedScheme.h - what a float weight is going to be ----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The attribute `qopt.scheme` of an ml_program.global: a scheme that the weight
// will be quantized to, or a float type that it will be stored as. It goes away
// when the weight is quantized.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_QOPT_ASSIGNEDSCHEME_H
#define QOPT_DIALECT_QOPT_ASSIGNEDSCHEME_H

#include "qopt/Dialect/QOpt/QOptAttrs.h"

#include "mlir/IR/Operation.h"

namespace qopt {

/// Whether anything was decided about the weight.
bool hasAssignment(mlir::Operation *global);
/// The scheme that it will be quantized to; null if none, or if it stays a
/// float.
SchemeAttrInterface assignedScheme(mlir::Operation *global);
/// The GGUF type that it will have in a file; nothing if it has no assignment
/// or another scheme.
std::optional<GgufType> assignedGgufType(mlir::Operation *global);

/// The assignment that means a GGUF type: `#qopt.gguf<q4_k>`, or `bf16`.
mlir::Attribute ggufAssignment(mlir::MLIRContext *context, GgufType type);

} // namespace qopt

#endif // QOPT_DIALECT_QOPT_ASSIGNEDSCHEME_H
