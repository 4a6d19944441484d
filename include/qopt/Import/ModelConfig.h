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
  /// What is added to the weights of norms.
  double normOffset = 0;
  RopeScaling ropeScaling;
  /// Layers with a window rotate by this base instead, without scaling.
  std::optional<double> localRopeTheta;
  std::optional<int64_t> rotaryDim; // channels of a head that are rotated
  /// Rotary pairs are channels (2i, 2i+1) of a head, not (i, i + headDim/2).
  bool interleavedRope = false;
  bool queryKeyValueBias = false, outputBias = false, mlpBias = false;
  bool tiedEmbeddings = false;
  llm::Activation activation = llm::Activation::Silu;
  std::optional<double> embeddingScale;
  /// Scores are divided by its root; headDim if not given.
  std::optional<double> attentionScalar;
  std::optional<double> attentionSoftcap, logitSoftcap;
  /// Positions that a query sees, in the layers that are `windowed`.
  std::optional<int64_t> slidingWindow;
  std::vector<bool> windowed; // per layer; empty: all
  /// Per layer, and how many of them each token is sent to; 0 in dense models.
  int64_t experts = 0, expertsPerToken = 0;
  int64_t expertSize = 0; // rows of their gates
  bool normalizedRouting = true;
  std::optional<int64_t> bosToken;
  std::vector<int64_t> eosTokens;

  std::optional<int64_t> windowOf(int64_t layer) const {
    return windowed.empty() || windowed[layer] ? slidingWindow : std::nullopt;
  }
  bool rotatesLocally(int64_t layer) const {
    return localRopeTheta && windowOf(layer);
  }
  double ropeThetaOf(int64_t layer) const {
    return rotatesLocally(layer) ? *localRopeTheta : ropeTheta;
  }
  RopeScaling ropeScalingOf(int64_t layer) const {
    return rotatesLocally(layer) ? RopeScaling() : ropeScaling;
  }
  int64_t rotatedChannels() const { return rotaryDim.value_or(headDim); }
  /// What scores are multiplied by.
  double attentionScale() const;
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
    vocabularySize{1, 1 << 28}, positions{1, int64_t(1) << 40},
    experts{1, 1024};
inline constexpr double mostRopeTheta = 1e15, mostRopeFactor = 1e6;
} // namespace limits

/// Which layers have a window if each `period`-th has none.
std::vector<bool> alternatingWindows(int64_t layers, int64_t period);
/// The period for which that gives the windows of a model: its family's, if
/// that does, else the least; nothing if none does.
std::optional<int64_t> windowPeriod(const ModelConfig &config);

/// The attention scalar that programs which read GGUF files take for a family
/// that has one: the channels of a head, or for one size of model those per
/// head of the hidden state.
double ggufAttentionScalar(const ModelConfig &config);

/// What a configuration file calls the numbers that checkStructure relates.
struct ConfigKeys {
  std::string heads, kvHeads, headDim;
};

/// That heads divide into kv heads and rotate in pairs; `file` and the keys are
/// for the error.
Status checkStructure(const ModelConfig &config, const std::string &file,
                      const ConfigKeys &keys);
/// That the channels which are rotated are pairs of a head, and that there is a
/// divisor for each pair where the scaling has them; `key` is for the error.
Status checkRotation(const ModelConfig &config, const std::string &file,
                     std::string_view key);

} // namespace qopt

#endif // QOPT_IMPORT_MODELCONFIG_H
