//===- RaiseInputs.h - norms and gates in front of linears ------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_RAISE_RAISEINPUTS_H
#define QOPT_LIB_TRANSFORMS_RAISE_RAISEINPUTS_H

#include "WeightGlobals.h"

#include "qopt/Dialect/QOpt/QOptOps.h"

namespace qopt {

/// If the input [rows, K] of a linear is an RMS norm with a constant weight, or
/// a product with a SiLU, spelled out in elementwise ops, it becomes an
/// `llm.rms_norm` or `llm.gated`: ops that say how scales of channels pass
/// them. Inputs of other ranks stay, because those ops have two dimensions.
void raiseInput(LinearOp linear, WeightGlobals &globals);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_RAISE_RAISEINPUTS_H
