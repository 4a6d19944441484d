//===- WeightElement.h - one weight in the body of a linalg.generic -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_LINALG_WEIGHTELEMENT_H
#define QOPT_LIB_TRANSFORMS_LINALG_WEIGHTELEMENT_H

#include "qopt/Dialect/QOpt/QOptTypes.h"
#include "qopt/Support/Error.h"

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <functional>

namespace qopt {

/// How the f32 number W[n, k] of a weight [N, K] is computed inside of a
/// linalg.generic.
struct WeightElement {
  /// Operands of the generic, and which element of each is read: maps of (n,
  /// k).
  llvm::SmallVector<mlir::Value> operands;
  llvm::SmallVector<mlir::AffineMap> maps;
  /// Emits the number from these elements and the values of n and k (index).
  std::function<mlir::Value(mlir::ImplicitLocOpBuilder &, mlir::ValueRange,
                            mlir::Value, mlir::Value)>
      emit;
};

/// A float tensor [N, K].
WeightElement floatElement(mlir::Value weight);

/// s (q - z) from codes, scales and, unless symmetric, zeros
/// (qopt/Formats/Grouped.h), which are tensors.
WeightElement groupedElement(const GroupedScheme &scheme, int64_t columns,
                             mlir::ValueRange components);

/// From the blocks of a GGUF type, a tensor [N, bytes of a row]. The builder
/// stands where constants of the decoder can be put.
WeightElement ggufElement(mlir::ImplicitLocOpBuilder &builder, GgufType type,
                          mlir::Value blocks);

/// From the components of a scheme.
WeightElement schemeElement(mlir::ImplicitLocOpBuilder &builder,
                            SchemeAttrInterface scheme, int64_t columns,
                            mlir::ValueRange components);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_LINALG_WEIGHTELEMENT_H
