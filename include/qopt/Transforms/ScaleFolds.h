//===- ScaleFolds.h - which scales of linear inputs fold away -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     n = rms_norm(x, g)             n = rms_norm(x, g / s)
//     q = linear(n, Wq)       ─▶     q = linear(n, Wq · diag(s))
//     k = linear(n, Wk)              k = linear(n, Wk · diag(s))
//
// The numbers change, the function does not. What has to change along with the
// input of a linear follows from def-use and ChannelScaleInterface: whatever
// computes the input, and whoever else reads it, in both directions until only
// weights are left. Nothing names a module.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TRANSFORMS_SCALEFOLDS_H
#define QOPT_TRANSFORMS_SCALEFOLDS_H

#include "qopt/Dialect/QOpt/QOptOps.h"
#include "qopt/Weights/SourceFiles.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

namespace qopt {

/// A weight that takes the scales s of a fold, or their inverses.
struct FoldedWeight {
  static constexpr int64_t unscaled = -1;

  mlir::ml_program::GlobalOp weight;
  mlir::Operation *reader; // the op whose operand it is
  ScaleAxis axis;          // Rows or Columns
  bool inverse;            // divided by s
  /// For each row or column, the index of its scale, or `unscaled`.
  std::vector<int64_t> scales;
};

/// A set of weights that can be scaled together without changing the function.
struct ScaleFold {
  /// The first linear whose input is divided by s, and the scale of each of its
  /// input channels.
  LinearOp linear;
  std::vector<int64_t> inputScales;
  int64_t scaleCount = 0; // how many of them can be chosen
  std::vector<FoldedWeight> weights;

  /// The linears that read scaled channels, in order: their weights are
  /// multiplied by s along the columns.
  std::vector<const FoldedWeight *> consumers() const;
  /// "divides @norm, rows of @v; multiplies columns of @q, columns of @k"
  std::string describe() const;
};

/// Why the input of a linear cannot be scaled.
struct RefusedFold {
  LinearOp linear; // the first that reads the input
  std::string reason;
};

struct ScaleFolds {
  std::vector<ScaleFold> folds; // in the order of their first linears
  std::vector<RefusedFold> refused;
};

/// How often each global of a module is read, by any op.
class WeightReads {
public:
  explicit WeightReads(mlir::ModuleOp module);
  int64_t count(mlir::ml_program::GlobalOp weight) const {
    return counts.lookup(weight);
  }

private:
  llvm::DenseMap<mlir::Operation *, int64_t> counts;
};

/// Finds a fold for the input of every linear of a function. Each linear is the
/// consumer of at most one fold.
ScaleFolds findScaleFolds(mlir::func::FuncOp function,
                          const WeightReads &reads);

/// Folds scales, one per scale of the fold and none of them 0, into its
/// weights. A matrix becomes an f32 view with one more step; a vector, which is
/// no longer than its factors, is written out.
Status applyScales(const ScaleFold &fold, std::span<const float> scales,
                   mlir::ModuleOp module, SourceFiles &files);

} // namespace qopt

#endif // QOPT_TRANSFORMS_SCALEFOLDS_H
