//===- ModelCompiler.h - a whole model as one function ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     entry and blocks ──flatten──▶ steps over planned buffers   (ModelProgram)
//                                   │                    │
//                    kernels, one per shape        weights, one per use
//                 (func, scf, vector ▶ LLVM)      (packed or as stored)
//                                   ▼                    ▼
//         qopt_model_forward + description       archive or memory
//
// What the function calls is described in runtime/include/qopt_rt_abi.h.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_CPU_MODELCOMPILER_H
#define QOPT_CODEGEN_CPU_MODELCOMPILER_H

#include "qopt/Codegen/CPU/ModelWeights.h"
#include "qopt/Codegen/CPU/Target.h"

#include "mlir/IR/OwningOpRef.h"

namespace qopt::cpu {

struct ModelCompilerOptions {
  /// Also emits `qopt_model_profile`, which measures the time of each step.
  bool profile = false;
  /// Activations of linears stay in f32 instead of becoming bytes.
  bool exact = false;
  /// GGUF blocks are interleaved for the kernels; else they are read where they
  /// lie, which saves that copy and costs most of the speed.
  bool repack = true;
  /// Entered into the description; both may be empty.
  std::string archive, tokenizer;
};

/// A model as code, and the weights that it wants.
struct CompiledModel {
  /// The module of kernels in the LLVM dialect, with `qopt_model_forward` and
  /// `qopt_model_description`.
  mlir::OwningOpRef<mlir::ModuleOp> code;
  std::string description; // JSON
  ModelWeights weights;
  /// Linears whose weight no kernel reads as it is, so that they are decoded to
  /// f32: "16 of q4_k".
  std::vector<std::string> decoded;
  /// Where weights are in act-order, what was compiled: a copy of the module in
  /// which x is permuted instead (qopt/Transforms/SortColumns.h).
  mlir::OwningOpRef<mlir::ModuleOp> sorted = {};
};

inline constexpr llvm::StringLiteral modelForwardName = "qopt_model_forward";
inline constexpr llvm::StringLiteral modelProfileName = "qopt_model_profile";
inline constexpr llvm::StringLiteral modelDescriptionName =
    "qopt_model_description";

/// Compiles the entry of the module. BadInput names the first op that is not
/// covered and where it stands; such a model can still be interpreted. The
/// module must outlive the result.
Result<CompiledModel> compileModel(mlir::ModuleOp module,
                                   QuantizationContext &services,
                                   const CpuTarget &target,
                                   const ModelCompilerOptions &options);

} // namespace qopt::cpu

#endif // QOPT_CODEGEN_CPU_MODELCOMPILER_H
