//===- Mix.h - which GGUF type each tensor of a model gets ------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A mix is a base type and rules that give some tensors another one: Q4_K_M is
// Q4_K with the output, and half of the value and down projections, in Q6_K.
// The mixes, their rules and the fallbacks for rows that are not whole blocks
// are those of llama-quantize, so that the files have the same tensors.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_MIX_H
#define QOPT_FORMATS_MIX_H

#include "qopt/Formats/FormatTable.h"

#include <optional>
#include <string>

namespace qopt {

struct Mix {
  std::string_view name;   // lower case: "q4_k_m"
  GgufType base;           // what the rules do not speak of
  uint32_t fileType;       // general.file_type
  std::string_view remark; // one line for a table
};

/// From the largest to the smallest.
std::span<const Mix> mixes();
/// Also finds "q3_k", "q4_k" and "q5_k", which mean the _m of that name. Null
/// if there is none.
const Mix *findMix(std::string_view name);

/// What the rules ask about a model.
struct MixModel {
  std::string_view architecture; // as in general.architecture
  int64_t layers = 0;
  int64_t heads = 1, kvHeads = 1;
  int64_t experts = 0;         // per layer; 0 for dense models
  bool tiedEmbeddings = false; // token_embd is the output, too
  bool importance = false;     // there is an importance matrix
};

/// Whether llama-quantize would quantize the tensor of that name, if it is a
/// matrix: no norms, and no routers of experts.
bool isQuantizable(std::string_view tensor);

/// What a mix makes of a tensor of a model; `tensor` is its name in the file,
/// `columns` its row length. Without the fallback below.
GgufType mixType(const Mix &mix, const MixModel &model, std::string_view tensor,
                 int64_t columns);

/// Whether the tensor is the one that turns hidden states into logits.
bool isOutput(const MixModel &model, std::string_view tensor);
/// Whether it is the table of token embeddings, tied or not.
bool isEmbedding(std::string_view tensor);

/// The type itself if rows of `columns` weights are whole blocks, else the one
/// that takes its place: blocks of 32 of at least the same width, or F16.
GgufType fallbackType(GgufType type, int64_t columns);

/// general.file_type of a file that is mostly of one type; nothing if there is
/// no number for it.
std::optional<uint32_t> fileTypeOf(GgufType type);

} // namespace qopt

#endif // QOPT_FORMATS_MIX_H
