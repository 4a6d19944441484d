//===- PassSupport.h - what the weight-rewriting passes share -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_PASSSUPPORT_H
#define QOPT_LIB_TRANSFORMS_PASSSUPPORT_H

#include "qopt/Transforms/QuantizationPlan.h"
#include "qopt/Weights/QuantizationContext.h"
#include "qopt/Weights/WeightSink.h"

namespace qopt {

/// Emits the error of a status at the weight of the module that it is about, or
/// at the module.
mlir::LogicalResult emitStatus(mlir::Operation *module, const Status &status);

/// The pass option if it is given, else what the services say.
std::string archivePath(const std::string &option,
                        const QuantizationContext &services);

/// Gives a global another value and type, and its loads the type.
void setWeight(mlir::ModuleOp module, mlir::ml_program::GlobalOp global,
               mlir::Attribute value, mlir::Type type);

/// A float weight and the scheme that it is quantized to.
struct SchemedWeight {
  mlir::ml_program::GlobalOp global;
  SchemeAttrInterface scheme;
};

/// The scheme of a weight that a pass quantizes to `scheme` unless another one
/// is assigned; null if the weight is to stay a float.
SchemeAttrInterface schemeFor(mlir::ml_program::GlobalOp global,
                              SchemeAttrInterface scheme);

/// The weights of a module that a pass quantizes which needs no data: those of
/// linears (see planQuantization), with `scheme` or what is assigned to them,
/// and all others that have an assignment. Only schemes that `takes` accepts.
Result<std::vector<SchemedWeight>>
schemedWeights(mlir::ModuleOp module, bool includeHead,
               SchemeAttrInterface scheme,
               llvm::function_ref<bool(SchemeAttrInterface)> takes);

/// A sink for weights. Shapes that a scheme cannot hold are errors at the
/// weight.
Result<WeightSink> createSink(mlir::ModuleOp module,
                              llvm::ArrayRef<SchemedWeight> weights,
                              llvm::StringRef archive,
                              QuantizationContext &services);

/// Quantizes every weight by itself: `quantize` makes the components of its
/// scheme from a float weight. Shows progress, stops between weights when the
/// user asks, names the weight in errors.
Status quantizeEachWeight(
    mlir::ModuleOp module, llvm::ArrayRef<SchemedWeight> weights,
    llvm::StringRef archive, QuantizationContext &services,
    llvm::function_ref<Result<WeightBytes>(
        mlir::ml_program::GlobalOp, const WeightSource &, SchemeAttrInterface)>
        quantize);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_PASSSUPPORT_H
