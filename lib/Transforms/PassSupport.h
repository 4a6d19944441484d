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

/// Emits the error of a status at an operation.
mlir::LogicalResult emitStatus(mlir::Operation *op, const Status &status);

/// The pass option if it is given, else what the services say.
std::string archivePath(const std::string &option,
                        const QuantizationContext &services);

/// A sink for weights of a plan that will have the given scheme. Shapes that
/// the scheme cannot hold are errors at the weight.
Result<WeightSink> createSink(mlir::ModuleOp module,
                              const QuantizationPlan &plan,
                              SchemeAttrInterface scheme,
                              llvm::StringRef archive,
                              QuantizationContext &services);

/// Quantizes every weight of a module's plan by itself: `quantize` makes the
/// components of the scheme from a float weight. Shows progress, stops between
/// weights when the user asks, names the weight in errors. Returns how many.
Result<int64_t> quantizeEachWeight(
    mlir::ModuleOp module, bool includeHead, SchemeAttrInterface scheme,
    llvm::StringRef archive, QuantizationContext &services,
    llvm::function_ref<Result<WeightBytes>(const WeightSource &)> quantize);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_PASSSUPPORT_H
