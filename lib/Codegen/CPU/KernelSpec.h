//===- KernelSpec.h - the kernel for a type of weight -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_KERNELSPEC_H
#define QOPT_LIB_CODEGEN_CPU_KERNELSPEC_H

#include "qopt/Codegen/CPU/LinearKernel.h"

#include "mlir/IR/Types.h"

namespace qopt::cpu {

/// What to emit for a linear with a weight of this type, or why nothing can be.
/// `exact`: activations stay in f32.
Result<LinearKernelSpec> kernelSpecOf(mlir::Type weight, bool exact);

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_KERNELSPEC_H
