//===- FoldPermutations.h - channels made in the order wanted ---*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_FOLDPERMUTATIONS_H
#define QOPT_LIB_TRANSFORMS_FOLDPERMUTATIONS_H

#include "mlir/IR/BuiltinOps.h"

namespace qopt {

/// Removes each qopt.permute_channels whose input is made of outputs of
/// linears, element by element, and used nowhere else: the rows of their
/// weights, and their biases, become views in the order that is wanted. No
/// number changes. How many it removed.
int64_t foldPermutations(mlir::ModuleOp module);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_FOLDPERMUTATIONS_H
