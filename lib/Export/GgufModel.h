//===- GgufModel.h - what a GGUF file says about a model --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_EXPORT_GGUFMODEL_H
#define QOPT_LIB_EXPORT_GGUFMODEL_H

#include "qopt/IO/GgufMetadata.h"
#include "qopt/IO/TokenizerData.h"
#include "qopt/Import/ModelConfig.h"

#include "mlir/IR/BuiltinOps.h"

namespace qopt::detail {

/// Numbers that a file has in a tensor of their own, F32.
struct GgufNumbers {
  std::string name;
  std::vector<float> values;
};

/// `llm.config`, and how its model is written down.
struct GgufModel {
  ModelConfig config;
  /// Whether rows of q and k must be reordered to rotate neighbours.
  bool reordersHeads = false;

  /// Errors name the missing or wrong key, or what the module computes and a
  /// file of its architecture cannot say.
  static Result<GgufModel> read(mlir::ModuleOp module);

  /// `general.architecture`
  std::string architecture() const {
    return std::string(config.architecture->ggufName);
  }
  /// The divisors of rotary frequencies.
  std::vector<GgufNumbers> ropeNumbers() const;

  void writeKeys(GgufMetadata &metadata) const;
};

/// Refuses what a module computes and no key of its architecture can say:
/// whoever reads the file would compute something else.
Status checkComputation(mlir::ModuleOp module, const GgufModel &model);

/// The tokenizer with exactly `vocabularySize` entries: ids that have an
/// embedding but no token are marked unused. More tokens than embeddings are an
/// error.
Status writeTokenizerKeys(const TokenizerData &tokenizer,
                          int64_t vocabularySize, GgufMetadata &metadata);

} // namespace qopt::detail

#endif // QOPT_LIB_EXPORT_GGUFMODEL_H
