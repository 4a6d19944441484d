//===- WeightConstants.h - weights as constants of upstream dialects -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_LINALG_WEIGHTCONSTANTS_H
#define QOPT_LIB_TRANSFORMS_LINALG_WEIGHTCONSTANTS_H

#include "qopt/Weights/QuantizationContext.h"
#include "qopt/Weights/WeightSource.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace qopt {

/// Makes `arith.constant`s of the numbers of weights. What stands in the module
/// is used as it is; what lies in a file becomes a `dense_resource` over the
/// mapped bytes, which nobody copies.
class WeightConstants {
public:
  WeightConstants(mlir::ModuleOp module,
                  std::shared_ptr<QuantizationContext> services)
      : symbols(module), services(std::move(services)) {}

  enum class Arrays {
    OfType,   // the components of the weight's type
    OfScheme, // a packed weight's layout undone
  };

  /// The arrays of the weight that a value is. BadInput: it is not the constant
  /// value of an ml_program.global, or its numbers cannot be read.
  Result<llvm::SmallVector<mlir::Value>>
  arrays(mlir::ImplicitLocOpBuilder &builder, mlir::Value weight,
         Arrays which = Arrays::OfScheme);

  /// The numbers of a float weight, of its type.
  Result<mlir::TypedAttr> floats(mlir::ml_program::GlobalOp global);

  /// A grouped weight with every code and zero point on its own.
  Result<GroupedMatrix> grouped(mlir::Value weight);

private:
  Result<mlir::ml_program::GlobalOp> globalOf(mlir::Value weight);
  Result<std::vector<mlir::TypedAttr>> attributes(mlir::ml_program::GlobalOp,
                                                  Arrays which);
  mlir::TypedAttr dense(mlir::ShapedType type, ByteSpan bytes, bool mapped,
                        llvm::StringRef name);

  mlir::SymbolTable symbols;
  std::shared_ptr<QuantizationContext> services;
  std::map<std::pair<mlir::Operation *, Arrays>, std::vector<mlir::TypedAttr>>
      made;
};

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_LINALG_WEIGHTCONSTANTS_H
