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

struct Architecture {
  enum class AttentionBias : uint8_t {
    Never,
    ByConfig,      // `attention_bias` adds one to q, k, v and o
    QueryKeyValue, // always to q, k and v, never to o
  };
  enum class Window : uint8_t {
    Never,
    Always,   // `sliding_window`, if not null, holds for every layer
    ByConfig, // only with `use_sliding_window`, from `max_window_layers` on
  };
  std::string_view name;      // `model_type`, and `llm.config`'s arch
  std::string_view className; // in `architectures`
  AttentionBias attentionBias;
  bool mlpBias;           // whether `mlp_bias` is looked at
  bool headNorm;          // an RMS norm on each head of q and k
  int64_t defaultHeadDim; // 0: hidden_size / num_attention_heads
  Window window;
  std::string_view ggufName; // `general.architecture`, "" if shared
  /// Whether GGUF files hold rows of q and k reordered so that rotary pairs are
  /// neighbours.
  bool ggufInterleavedRope;
};

std::span<const Architecture> architectures();
/// Null if there is none of that `model_type`.
const Architecture *findArchitecture(std::string_view name);
const Architecture *findGgufArchitecture(std::string_view ggufName);
/// "llama, mistral, …", for errors.
std::string supportedArchitectures();
/// The same as GGUF files call them.
std::string supportedGgufArchitectures();

/// What a weight does in the model; the order is that of `weightRoles()`.
enum class WeightRole : uint8_t {
  Embedding,
  AttentionNorm,
  Query,
  Key,
  Value,
  AttentionOutput,
  QueryBias,
  KeyBias,
  ValueBias,
  AttentionOutputBias,
  QueryNorm,
  KeyNorm,
  FeedForwardNorm,
  Gate,
  Up,
  Down,
  GateBias,
  UpBias,
  DownBias,
  OutputNorm,
  Head,
};

/// How a weight is called in IR and in checkpoints. Names of a block's weights
/// follow a prefix: `l3.`, `model.layers.3.`, `blk.3.`.
struct WeightNames {
  WeightRole role;
  bool inBlock;
  std::string_view symbol, huggingFace, gguf;
};

const WeightNames &weightNames(WeightRole role);

/// One weight of a model; `layer` only counts for the weights of a block.
struct WeightId {
  WeightRole role;
  int64_t layer = 0;

  std::string symbol() const;      // "l3.attn_q"
  std::string huggingFace() const; // "model.layers.3.self_attn.q_proj.weight"
  std::string gguf() const;        // "blk.3.attn_q.weight"
};

/// The weight that a symbol names in an imported module; nothing if it is none.
std::optional<WeightId> findWeight(std::string_view symbol);

} // namespace qopt

#endif // QOPT_IMPORT_ARCHITECTURE_H
