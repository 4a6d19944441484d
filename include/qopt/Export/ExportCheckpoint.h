//===- ExportCheckpoint.h - a module as a checkpoint directory --*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The directories that vLLM, SGLang, transformers, GPTQModel, AutoAWQ and
// compressed-tensors load:
//
//     config.json               with quantization_config
//     model.safetensors         or model-0000i-of-0000N.safetensors and
//                               model.safetensors.index.json
//     tokenizer.json, generation_config.json, …   copied, as they are
//     README.md                 the recipe, and what was measured
//
// Quantized weights are repacked and never requantized, floats stored as the
// module has them. What no program would load is refused with a sentence; what
// some would not load is noted.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_EXPORT_EXPORTCHECKPOINT_H
#define QOPT_EXPORT_EXPORTCHECKPOINT_H

#include "qopt/Transforms/WeightTable.h"
#include "qopt/Weights/QuantizationContext.h"

#include "mlir/IR/BuiltinOps.h"

#include <optional>

namespace qopt {

enum class CheckpointFormat : uint8_t { Gptq, Awq, CompressedTensors };

struct ExportCheckpointOptions {
  CheckpointFormat format = CheckpointFormat::Gptq;
  /// gptq: how zero points are stored. Nothing: as v1, which every program
  /// reads, if the grids are symmetric; else as v2, because GPTQModel reads
  /// other zero points of version 1 only if it has written them, and version 1
  /// has no zero point 0.
  std::optional<GptqZeros> zeros;
  /// Weights of one file, at most, unless a single tensor is larger.
  int64_t shardBytes = 5'000'000'000;
  bool overwrite = false;
};

/// The weights that exportCheckpoint would write. Weights that are still floats
/// count as what is assigned to them, so that everything but the zero points is
/// checked before they are quantized.
Result<std::vector<WeightRow>>
checkpointTable(mlir::ModuleOp module, const ExportCheckpointOptions &options);

/// Writes the model of a module, as import makes it, to the directory `path`:
/// all of it or nothing, one weight in memory at a time. Errors name the global
/// or key that stands in the way, and say what to do. Stops between weights
/// when the user asks (ErrorKind::Interrupted).
Status exportCheckpoint(mlir::ModuleOp module, QuantizationContext &services,
                        const std::string &path,
                        const ExportCheckpointOptions &options);

} // namespace qopt

#endif // QOPT_EXPORT_EXPORTCHECKPOINT_H
