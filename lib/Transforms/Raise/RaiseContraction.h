//===- RaiseContraction.h - contractions to linears -------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_RAISE_RAISECONTRACTION_H
#define QOPT_LIB_TRANSFORMS_RAISE_RAISECONTRACTION_H

#include "Contraction.h"
#include "WeightGlobals.h"

#include "qopt/Dialect/QOpt/QOptOps.h"
#include "qopt/Support/Error.h"

namespace qopt {

/// Replaces a contraction with a weight by a linear, which is returned; the
/// error (BadInput) says why it cannot be. Nothing is changed then.
Result<LinearOp> raiseContraction(const Contraction &contraction,
                                  WeightGlobals &globals);

/// Conversions between floats in front of a linear and behind it, if they are
/// ops of linalg, become those of arith, through which scales of channels pass.
/// Looks through reshapes that keep the rows' last dimension, and slices.
void exposeCasts(LinearOp linear);

/// Adds of a vector to every row of the result of a linear without bias become
/// its bias. Looks through such reshapes and conversions.
void foldBias(LinearOp linear);

/// Erases an op without uses and effects, and then what only it used.
void eraseDead(mlir::Operation *op);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_RAISE_RAISECONTRACTION_H
