//===- WeightGlobals.h - constants as weights of linears --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_RAISE_WEIGHTGLOBALS_H
#define QOPT_LIB_TRANSFORMS_RAISE_WEIGHTGLOBALS_H

#include "WeightTrace.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"

namespace qopt {

/// Makes an `ml_program.global` of each weight. A matrix that is used twice
/// exists once, and no number of it is copied: what is not the constant itself
/// is a `#qopt.view` of it. Vectors of norms are one for each norm, even if
/// their numbers agree, so that each can be scaled by itself.
class WeightGlobals {
public:
  explicit WeightGlobals(mlir::ModuleOp module) : symbols(module) {}

  /// The matrix W[n, k] = base[offset + n · rows.stride + k · columns.stride]
  /// loaded at the builder; null if it is no slice or transpose of a matrix.
  mlir::Value load(mlir::ImplicitLocOpBuilder &builder,
                   const StridedWeight &weight, StridedWeight::Dimension rows,
                   StridedWeight::Dimension columns);

  /// A whole vector, whose dimensions but one are 1; null if it is none.
  mlir::Value loadVector(mlir::ImplicitLocOpBuilder &builder,
                         const StridedWeight &weight);
  /// For a norm that has no weight.
  mlir::Value ones(mlir::ImplicitLocOpBuilder &builder, int64_t count);

private:
  mlir::ml_program::GlobalOp global(mlir::Location location,
                                    const StridedWeight &weight,
                                    mlir::Attribute value,
                                    mlir::RankedTensorType type);
  mlir::ml_program::GlobalOp insert(mlir::Location location,
                                    llvm::StringRef name, mlir::Attribute value,
                                    mlir::RankedTensorType type,
                                    mlir::Operation *after);

  mlir::SymbolTable symbols;
  llvm::DenseMap<std::pair<mlir::Attribute, mlir::Type>,
                 mlir::ml_program::GlobalOp>
      made;
};

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_RAISE_WEIGHTGLOBALS_H
