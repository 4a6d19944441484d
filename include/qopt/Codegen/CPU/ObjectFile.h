//===- ObjectFile.h - kernels as LLVM IR and machine code -------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// All functions take a module that `lower-to-llvm-cpu` made, or its nested
// module of kernels, and generate code for the CPU that the module names.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_CPU_OBJECTFILE_H
#define QOPT_CODEGEN_CPU_OBJECTFILE_H

#include "qopt/Codegen/CPU/Target.h"

#include "mlir/IR/BuiltinOps.h"

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace qopt::cpu {

/// The target of the kernels in a module.
Result<CpuTarget> kernelTarget(mlir::ModuleOp module);

/// The kernels as an optimized LLVM module.
Result<std::unique_ptr<llvm::Module>>
translateKernels(mlir::ModuleOp module, const CpuTarget &target,
                 llvm::LLVMContext &context);

/// The kernels as optimized LLVM IR text.
Result<std::string> emitLlvmIr(mlir::ModuleOp module);
/// The kernels as a relocatable object with position-independent code.
Result<std::string> emitObject(mlir::ModuleOp module);
/// The kernels as a shared object, linked by LLVM's ld.lld.
Result<std::string> emitSharedObject(mlir::ModuleOp module);

/// Links an object into a shared object; `arguments` follow it on ld.lld's
/// command line.
Result<std::string> linkSharedObject(const std::string &object,
                                     llvm::ArrayRef<std::string> arguments);

} // namespace qopt::cpu

#endif // QOPT_CODEGEN_CPU_OBJECTFILE_H
