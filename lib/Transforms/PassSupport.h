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

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_PASSSUPPORT_H
