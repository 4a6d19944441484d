//===- ForwardEmitter.h - the function that runs a program ------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_FORWARDEMITTER_H
#define QOPT_LIB_CODEGEN_CPU_FORWARDEMITTER_H

#include "ModelKernels.h"
#include "ModelProgram.h"
#include "qopt/Codegen/CPU/ModelCompiler.h"

namespace qopt::cpu {

/// What is called for a step, chosen before the kernels are lowered.
struct PlannedStep {
  const ModelStep *step = nullptr;
  std::string kernel; // of steps that are one kernel
  LinearKernel linear;
  std::vector<WeightUse> weights;
  int64_t number = 0; // of the linear, cache or rope
  std::string label;  // for profiles
  /// What one token costs: bytes of weights read, multiplications and
  /// additions.
  double bytes = 0, operations = 0;
};

/// Adds the function `name` and the adaptors of linears to a module of lowered
/// kernels. With `profile`, it marks the end of each step.
void emitForward(mlir::ModuleOp kernels, llvm::StringRef name,
                 const ModelProgram &program, llvm::ArrayRef<PlannedStep> steps,
                 bool profile);

/// Adds the description as a constant.
void emitDescription(mlir::ModuleOp kernels, llvm::StringRef text);

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_FORWARDEMITTER_H
