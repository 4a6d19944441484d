//===- GgufModel.h - what a GGUF file says about a model
//---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_EXPORT_GGUFMODEL_H
#define QOPT_LIB_EXPORT_GGUFMODEL_H

#include "qopt/IO/GgufMetadata.h"
#include "qopt/IO/TokenizerData.h"
#include "qopt/Import/Architecture.h"
#include "qopt/Numerics/RopeScaling.h"

#include "mlir/IR/BuiltinOps.h"

#include <optional>

namespace qopt::detail {

/// `llm.config`, as far as a GGUF file repeats it.
struct GgufModel {
  const Architecture *family = nullptr;
  std::string architecture; // `general.architecture`
  std::string name;         // may be empty
  int64_t hiddenSize, layers, heads, kvHeads, headDim, intermediateSize,
      vocabularySize, maxPositions;
  double rmsNormEps, ropeTheta;
  RopeScaling ropeScaling;
  std::optional<int64_t> slidingWindow;
  /// Whether rows of q and k must be reordered to rotate neighbours.
  bool reordersHeads = false;

  /// Errors name the missing or wrong key.
  static Result<GgufModel> read(mlir::ModuleOp module);

  /// What rotary frequencies are divided by, for `rope_freqs.weight`; empty if
  /// there is no such tensor.
  std::vector<float> ropeFactors() const;

  void writeKeys(GgufMetadata &metadata) const;
};

/// The tokenizer with exactly `vocabularySize` entries: ids that have an
/// embedding but no token are marked unused. More tokens than embeddings are an
/// error.
Status writeTokenizerKeys(const TokenizerData &tokenizer,
                          int64_t vocabularySize, GgufMetadata &metadata);

} // namespace qopt::detail

#endif // QOPT_LIB_EXPORT_GGUFMODEL_H
