//===- CheckpointKinds.h - GPTQ, AWQ, compressed-tensors --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Everything in which the kinds of checkpoints differ, one row for each.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_EXPORT_CHECKPOINTKINDS_H
#define QOPT_LIB_EXPORT_CHECKPOINTKINDS_H

#include "CheckpointPlan.h"
#include "qopt/IO/Json.h"

namespace qopt::detail {

struct CheckpointKind {
  CheckpointFormat format;
  /// Of --format, and `quant_method` in config.json.
  std::string_view name;
  LayoutAttrInterface (*layout)(mlir::MLIRContext &context, GptqZeros zeros);
  /// Whether the layout holds such a weight.
  Status (*supports)(const GroupedScheme &scheme, int64_t rows,
                     int64_t columns);
  /// What no program would load, beyond that.
  Status (*check)(const CheckpointPlan &plan);
  /// Appends sentences about what some programs will not load.
  void (*note)(const CheckpointPlan &plan, std::vector<std::string> &notes);
  /// Writes the members of quantization_config, after `quant_method`.
  void (*describe)(const CheckpointPlan &plan, JsonWriter &json);
  /// Where older programs look for the same; "" if nowhere.
  std::string_view oldConfig;
};

/// The object `quantization_config`.
void writeQuantizationConfig(const CheckpointPlan &plan, JsonWriter &json);

const CheckpointKind &checkpointKind(CheckpointFormat format);

/// Sentences for the user about what some programs will not load.
std::vector<std::string> checkpointNotes(const CheckpointPlan &plan);

} // namespace qopt::detail

#endif // QOPT_LIB_EXPORT_CHECKPOINTKINDS_H
