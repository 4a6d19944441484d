//===- RaiseInputs.h - norms and gates in front of linears ------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_RAISE_RAISEINPUTS_H
#define QOPT_LIB_TRANSFORMS_RAISE_RAISEINPUTS_H

#include "WeightGlobals.h"

#include "qopt/Dialect/QOpt/QOptOps.h"

#include "llvm/ADT/SetVector.h"

namespace qopt {

/// What linears read, before reshapes that keep the rows; each once.
llvm::SetVector<mlir::Value> inputsOf(llvm::ArrayRef<LinearOp> linears);

/// If what linears read, [rows…, K], is an RMS norm or layer norm with a
/// constant weight, or a product with a SiLU or GELU, spelled out in
/// elementwise ops, it becomes an `llm.rms_norm`, `llm.layer_norm` or
/// `llm.gated`: ops that say how scales of channels pass them. What only looks
/// like one stays, with a remark. Whether something became one.
bool raiseInput(mlir::Value input, WeightGlobals &globals);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_RAISE_RAISEINPUTS_H
