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
  std::string order;  // of what permutes: the constant that holds the order
  LinearKernel linear;
  std::vector<WeightUse> weights;
  int64_t number = 0; // of the linear, cache or rope
  std::string label;  // for profiles
  /// What one token costs: bytes of weights read, multiplications and
  /// additions.
  double bytes = 0, operations = 0;

  /// Bytes of the codes, or floats, of a linear's weight.
  int64_t codeBytes = 0;
  /// What stands for step->before and step->then.
  std::vector<PlannedStep> before, then;
};

struct PlannedProgram {
  const ModelProgram *program = nullptr;
  std::vector<PlannedStep> steps;
};

/// Adds the function `name`, the one for calls with one row that it calls, and
/// the adaptors of linears to a module of lowered kernels. With `profile`, they
/// mark the end of each step, numbered in this order: those of `program`, those
/// of `oneToken`.
void emitForward(mlir::ModuleOp kernels, llvm::StringRef name,
                 const PlannedProgram &program, const PlannedProgram &oneToken,
                 bool profile);

/// Adds the description as a constant.
void emitDescription(mlir::ModuleOp kernels, llvm::StringRef text);

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_FORWARDEMITTER_H
