//===- CheckpointPlan.h - what a checkpoint is going to hold ----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_EXPORT_CHECKPOINTPLAN_H
#define QOPT_LIB_EXPORT_CHECKPOINTPLAN_H

#include "qopt/Export/ExportCheckpoint.h"
#include "qopt/IO/Safetensors.h"
#include "qopt/Import/Architecture.h"
#include "qopt/Weights/WeightSink.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

namespace qopt::detail {

/// A weight of the module, and its tensors in a checkpoint.
struct CheckpointWeight {
  mlir::ml_program::GlobalOp global;
  WeightId id;
  std::string name; // "model.layers.0.mlp.up_proj.weight"
  /// What configurations call it: "model.layers.0.mlp.up_proj".
  std::string module;
  /// Whether a linear reads it, so that programs expect it to be quantized.
  bool linear = false;
  /// Of a quantized weight; otherwise nothing and null.
  std::optional<GroupedScheme> scheme;
  LayoutAttrInterface layout;
  int64_t rows = 0, columns = 0;
  std::vector<SafetensorsDeclaration> tensors;

  int64_t bytes() const;
};

struct CheckpointPlan {
  CheckpointFormat format;
  GptqZeros zeros = GptqZeros::V1;
  std::vector<CheckpointWeight> weights;

  /// Errors name the global that has no place in the format.
  static Result<CheckpointPlan> make(mlir::ModuleOp module,
                                     CheckpointFormat format, GptqZeros zeros);

  /// The scheme of most quantized weights, and all schemes, that one first.
  std::vector<GroupedScheme> schemes() const;
  /// The weight of a role in a block, or null.
  const CheckpointWeight *find(WeightRole role, int64_t layer = 0) const;
};

/// A usage error if a zero point is 0, which version 1 of the GPTQ format
/// cannot hold. Reads zero points of quantized weights only.
Status checkZerosFitV1(const CheckpointPlan &plan, SourceFiles &files);

/// The bytes of each of a weight's tensors.
Result<WeightBytes> checkpointBytes(const CheckpointWeight &weight,
                                    SourceFiles &files);

} // namespace qopt::detail

#endif // QOPT_LIB_EXPORT_CHECKPOINTPLAN_H
