//===- ModelFile.h - a compiled model with its runtime ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_CPU_MODELFILE_H
#define QOPT_CODEGEN_CPU_MODELFILE_H

#include "qopt/Support/Error.h"

#include "mlir/IR/BuiltinOps.h"

namespace qopt::cpu {

/// The shared object of a compiled model: its code and `runtimeArchive`,
/// libqopt_rt.a, linked with the system libraries that this process uses. It
/// exports what qopt_rt.h declares and nothing else. Only for the architecture
/// of this process.
Result<std::string> emitModelFile(mlir::ModuleOp code,
                                  const std::string &runtimeArchive);

} // namespace qopt::cpu

#endif // QOPT_CODEGEN_CPU_MODELFILE_H
