//===- Dispatch.h - one object for several CPUs -----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A kernel for several CPUs is one function that looks up which of them this
// machine is, and a function for each:
//
//     qopt_linear_…          switch (qopt_cpu_variant()) { … }
//     qopt_linear_….v0       for the first CPU named
//     qopt_linear_….v1       …
//
// qopt_cpu_variant asks the CPU once (cpuid and xgetbv, no library) for every
// feature that LLVM may use on a variant's own account, and keeps the answer.
// The last variant is taken without asking: it is what everything runs on.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_DISPATCH_H
#define QOPT_LIB_CODEGEN_CPU_DISPATCH_H

#include "qopt/Codegen/CPU/Target.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace qopt::cpu {

/// The CPUs of `cpu=`: names separated by commas, each perhaps with features of
/// its own (`sapphirerapids,x86-64-v4+avx512vnni,x86-64-v3`); `features` is for
/// all of them. Several need x86.
Result<std::vector<CpuTarget>> resolveVariants(llvm::StringRef cpus,
                                               llvm::StringRef features,
                                               llvm::StringRef triple);

/// Appended to the names of kernels for one of several CPUs.
std::string variantSuffix(size_t variant);

/// Defines qopt_cpu_variant; null if the module that the builder is in has it.
mlir::func::FuncOp emitVariantLookup(mlir::OpBuilder &builder,
                                     mlir::Location location,
                                     llvm::ArrayRef<CpuTarget> variants);

/// Defines the function `symbol` that calls its variants.
mlir::func::FuncOp emitDispatch(mlir::OpBuilder &builder,
                                mlir::Location location, llvm::StringRef symbol,
                                mlir::FunctionType type, size_t variants);

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_DISPATCH_H
