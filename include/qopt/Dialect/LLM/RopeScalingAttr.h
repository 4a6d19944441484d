//===- RopeScalingAttr.h - scalings of rotary frequencies -------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_LLM_ROPESCALINGATTR_H
#define QOPT_DIALECT_LLM_ROPESCALINGATTR_H

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Numerics/RopeScaling.h"

namespace qopt::llm {

/// The `scaling` of an llm.rope; null for none.
mlir::Attribute ropeScalingAttr(mlir::MLIRContext *context,
                                const RopeScaling &scaling);

/// The inverse.
RopeScaling ropeScalingOf(mlir::Attribute attribute);

} // namespace qopt::llm

#endif // QOPT_DIALECT_LLM_ROPESCALINGATTR_H
