//===- SortColumns.h - quantized weights in act-order -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TRANSFORMS_SORTCOLUMNS_H
#define QOPT_TRANSFORMS_SORTCOLUMNS_H

#include "qopt/Dialect/QOpt/QOptOps.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace qopt {

/// Whether a weight of the module is a quantized one under a view that only
/// permutes its columns.
bool hasPermutedWeights(mlir::ModuleOp module);

struct SortedColumns {
  int64_t weights = 0; // that are read as they are stored
  /// Of x, that went into the weights that make it.
  int64_t foldedPermutations = 0;
};

/// Takes the permutation off each such weight that only linears read, and gives
/// it to their inputs, or to the weights that make these (pass sort-columns).
SortedColumns sortColumns(mlir::ModuleOp module);

/// What takes the place of the op in upstream dialects: a gather over a
/// constant.
mlir::Value lowerPermuteChannels(mlir::ImplicitLocOpBuilder &b,
                                 PermuteChannelsOp op);

} // namespace qopt

#endif // QOPT_TRANSFORMS_SORTCOLUMNS_H
