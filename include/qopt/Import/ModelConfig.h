//===- ModelConfig.h - the numbers that shape a model -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IMPORT_MODELCONFIG_H
#define QOPT_IMPORT_MODELCONFIG_H

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Import/Architecture.h"
#include "qopt/Numerics/RopeScaling.h"
#include "qopt/Support/Error.h"

#include <optional>
#include <vector>

namespace qopt {

/// A model as its configuration describes it. Whoever fills it in has checked
/// its counts against `limits`, and `checkStructure`.
struct ModelConfig {
  const Architecture *architecture = nullptr;
  std::string name; // of the checkpoint, for display and export
  int64_t hiddenSize = 0, layers = 0, heads = 0, kvHeads = 0, headDim = 0;
  int64_t intermediateSize = 0, vocabularySize = 0, maxPositions = 0;
  double rmsNormEps = 0, ropeTheta = 10000;
  RopeScaling ropeScaling;
  /// Rotary pairs are channels (2i, 2i+1) of a head, not (i, i + headDim/2).
  bool interleavedRope = false;
  bool queryKeyValueBias = false, outputBias = false, mlpBias = false;
  bool headNorm = false;
  bool tiedEmbeddings = false;
  llm::Activation activation = llm::Activation::Silu;
  /// Positions that a query sees, in the layers that are `windowed`.
  std::optional<int64_t> slidingWindow;
  std::vector<bool> windowed; // per layer; empty: all
  std::optional<int64_t> bosToken;
  std::vector<int64_t> eosTokens;

  std::optional<int64_t> windowOf(int64_t layer) const {
    return windowed.empty() || windowed[layer] ? slidingWindow : std::nullopt;
  }
  /// The weights of a block, in the order of WeightRole.
  std::vector<WeightRole> blockRoles() const;
  /// [rows, columns] or [length].
  std::vector<int64_t> shapeOf(WeightRole role) const;
};

/// The values that a count in a configuration may have, so that no size
/// computed from them can overflow and no loop over them runs away.
struct CountRange {
  int64_t least, most;
};
namespace limits {
inline constexpr CountRange layers{1, 4096}, heads{1, 1 << 16},
    headDim{2, 1 << 14}, hiddenSize{1, 1 << 20}, intermediateSize{1, 1 << 24},
    vocabularySize{1, 1 << 28}, positions{1, int64_t(1) << 40};
inline constexpr double mostRopeTheta = 1e15, mostRopeFactor = 1e6;
} // namespace limits

/// What a configuration file calls the numbers that checkStructure relates.
struct ConfigKeys {
  std::string heads, kvHeads, headDim;
};

/// That heads divide into kv heads and rotate in pairs; `file` and the keys are
/// for the error.
Status checkStructure(const ModelConfig &config, const std::string &file,
                      const ConfigKeys &keys);

} // namespace qopt

#endif // QOPT_IMPORT_MODELCONFIG_H
