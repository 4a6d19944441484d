//===- ViewSteps.h - weights become views of weights ------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_VIEWSTEPS_H
#define QOPT_LIB_TRANSFORMS_VIEWSTEPS_H

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinOps.h"

namespace qopt {

/// Puts one more step behind the views of a weight, which makes it f32, or of
/// `type` where that is given.
void addViewStep(mlir::ModuleOp module, mlir::ml_program::GlobalOp weight,
                 mlir::Attribute step, mlir::Type type = {});

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_VIEWSTEPS_H
