//===- Architecture.h - the model families that can be imported -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Everything in which the families of decoder-only models differ stands in one
// row per family, and the names of their weights in one row per weight. Adding
// a family that is built from the same parts is adding a row.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IMPORT_ARCHITECTURE_H
#define QOPT_IMPORT_ARCHITECTURE_H

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace qopt {

/// What a weight does in the model; the order is that of `weightNames()`, and
/// that of a file's tensors.
enum class WeightRole : uint8_t {
  Embedding,
  AttentionNorm,
  Query,
  Key,
  Value,
  QueryKeyValue, // the three on top of each other
  AttentionOutput,
  QueryBias,
  KeyBias,
  ValueBias,
  AttentionOutputBias,
  QueryNorm,
  KeyNorm,
  PostAttentionNorm, // of what attention adds
  FeedForwardNorm,
  Gate,
  Up,
  GateUp, // the two on top of each other
  Down,
  GateBias,
  UpBias,
  DownBias,
  Router,
  ExpertGate,
  ExpertUp,
  ExpertDown,
  PostFeedForwardNorm, // of what the feed-forward network adds
  OutputNorm,
  Head,
};

struct Architecture {
  enum class AttentionBias : uint8_t {
    Never,
    ByConfig,      // `attention_bias` adds one to q, k, v and o
    QueryKeyValue, // always to q, k and v, never to o
  };
  enum class Window : uint8_t {
    Never,
    Always,      // `sliding_window`, if not null, holds for every layer
    ByConfig,    // only with `use_sliding_window`, from `max_window_layers` on
    Alternating, // for all layers but each `windowPeriod`-th
  };
  enum class Activation : uint8_t { Silu, GeluTanh };
  /// A weight that checkpoints of this family call otherwise.
  struct Renamed {
    WeightRole role;
    std::string_view huggingFace;
  };

  /// A count that configurations of this family may leave out.
  struct Default {
    std::string_view key;
    int64_t count;
  };

  std::string_view name;      // `model_type`, and `llm.config`'s arch
  std::string_view className; // in `architectures`
  AttentionBias attentionBias = AttentionBias::Never;
  bool mlpBias = false;          // whether `mlp_bias` is looked at
  bool headNorm = false;         // an RMS norm on each head of q and k
  bool fusedProjections = false; // QueryKeyValue and GateUp
  bool postNorms = false;        // PostAttentionNorm, PostFeedForwardNorm
  bool offsetNorms = false;      // checkpoints hold norm weights less one
  bool scaledEmbedding = false;  // times √hidden_size
  bool softcaps = false;         // `*_logit_softcapping` is looked at
  bool attentionScalar = false;  // scores times `query_pre_attn_scalar`^-½
  bool partialRotary = false;    // `partial_rotary_factor` is looked at
  bool localRope = false;        // layers with a window have another base
  bool tiedByDefault = false;    // without `tie_word_embeddings`
  bool toleratesAutoMap = false; // for programs older than the family
  int64_t defaultHeadDim = 0;    // 0: hidden_size / num_attention_heads
  double defaultRopeTheta = 10000;
  double defaultNormEps = 0; // 0: none
  Window window = Window::Never;
  int64_t windowPeriod = 0;
  std::string_view activationKey = "hidden_act";
  Activation activation = Activation::Silu; // the only one in GGUF files
  std::string_view expertsKey = "";         // their number; "": dense
  std::string_view expertSizeKey = "";      // rows of their gates
  bool routesByConfig = false; // `norm_topk_prob`; else weights are normalized
  std::span<const Renamed> renamed = {};
  std::span<const Default> defaults = {};
  std::string_view ggufName = name; // `general.architecture`
  /// Whether GGUF files hold rows of q and k reordered so that rotary pairs are
  /// neighbours.
  bool ggufInterleavedRope = false;
  /// Whether programs look for `rope_freqs` in a GGUF file, without which they
  /// cannot be told of llama3 scaling.
  bool ggufRopeFrequencies = false;
  /// Blocks of the one size of the family whose GGUF files scale scores by the
  /// channels per head of hidden_size, not by those of a head.
  int64_t ggufWideScaleLayers = 0;

  bool hasExperts() const { return !expertsKey.empty(); }
};

std::span<const Architecture> architectures();
/// Null if there is none of that `model_type`.
const Architecture *findArchitecture(std::string_view name);
/// Of the families that share the name: a mixture of experts, or the dense one
/// that comes first.
const Architecture *findGgufArchitecture(std::string_view ggufName,
                                         bool hasExperts);
/// "llama, mistral, …", for errors.
std::string supportedArchitectures();
/// The same as GGUF files call them.
std::string supportedGgufArchitectures();

/// How a weight is called in IR and in checkpoints. Names of a block's weights
/// follow a prefix: `l3.`, `model.layers.3.`, `blk.3.`; symbols of an expert's
/// weights another one, `l3.e5.`, and `#` stands for its number. A GGUF file
/// holds that weight of all experts in one tensor.
struct WeightNames {
  enum class Scope : uint8_t { Model, Block, Expert };
  WeightRole role;
  Scope scope;
  std::string_view symbol, huggingFace, gguf;
};

const WeightNames &weightNames(WeightRole role);

/// One weight of a model; `layer` only counts for the weights of a block,
/// `expert` for those of experts.
struct WeightId {
  WeightRole role;
  int64_t layer = 0, expert = 0;

  bool isExpert() const {
    return weightNames(role).scope == WeightNames::Scope::Expert;
  }
  std::string symbol() const; // "l3.attn_q", "l3.e5.ffn_gate"
  /// "model.layers.3.self_attn.q_proj.weight"
  std::string huggingFace(const Architecture &family) const;
  std::string gguf() const; // "blk.3.attn_q.weight"
};

/// The weight that a symbol names in an imported module; nothing if it is none.
std::optional<WeightId> findWeight(std::string_view symbol);

} // namespace qopt

#endif // QOPT_IMPORT_ARCHITECTURE_H
