//===- TokenizerData.h - what a tokenizer consists of -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The content of a byte-level BPE tokenizer as plain data: what readers of
// tokenizer.json and of GGUF files fill in, and what a GGUF writer needs.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_TOKENIZERDATA_H
#define QOPT_IO_TOKENIZERDATA_H

#include "qopt/IO/BytePairEncoder.h"
#include "qopt/IO/Pretokenizer.h"

#include <optional>
#include <string>
#include <vector>

namespace qopt {

/// The values of `tokenizer.ggml.token_type`.
enum class TokenType : std::int32_t {
  Normal = 1,      // spelled in the byte-level alphabet
  Unknown = 2,     // the unknown token; its spelling is plain text
  Control = 3,     // has no text of its own (<|end_of_text|>); plain text
  UserDefined = 4, // added to the vocabulary with plain text
  Unused = 5,      // an id without a token
  Byte = 6,        // <0x0A> in vocabularies that are not byte-level
};

struct TokenizerData {
  std::string source; // the file, for errors
  Pretokenizer pretokenizer = Pretokenizer::Gpt2;
  bool normalizeNfc = false; // text is brought to form C first (Qwen2)
  bool ignoreMerges = false; // a piece that is a token is not merged (Llama-3)
  bool fuseUnknown = false;  // neighbouring unknown bytes are one `unknown`

  std::vector<std::string> tokens; // spellings in order of ids
  std::vector<TokenType> types;    // one per token; empty: all Normal
  std::vector<std::string> merges; // "left right" in order of rank

  std::optional<TokenId> bos, eos, pad;
  std::optional<TokenId> unknown; // for bytes that have no token
  std::vector<TokenId> stop;      // all that end a generated text, eos included
  bool addBos = false, addEos = false;
  std::string chatTemplate; // Jinja; empty if there is none
};

/// The spelling that GGUF files give to an id without a token: "[PAD17]".
std::string unusedToken(TokenId id);

} // namespace qopt

#endif // QOPT_IO_TOKENIZERDATA_H
