//===- TokenizerData.h - what a tokenizer consists of -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The content of a BPE tokenizer as plain data: what readers of tokenizer.json,
// tokenizer.model and GGUF files fill in, and what a GGUF writer needs.
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

/// The two families of BPE.
enum class TokenizerModel : std::uint8_t {
  ByteLevel,     // words of bytes, spelled in an alphabet of their own (GPT-2)
  SentencePiece, // characters, blanks as U+2581, other characters as bytes
};

/// Where SentencePiece puts a blank in front of a text.
enum class SpacePrefix : std::uint8_t {
  Never,  // Gemma
  First,  // at the start of the text only
  Always, // and behind each special token in it
};

/// The values of `tokenizer.ggml.token_type`.
enum class TokenType : std::int32_t {
  Normal = 1,      // spelled in the byte-level alphabet, or with U+2581
  Unknown = 2,     // the unknown token; its spelling is plain text
  Control = 3,     // has no text of its own (<|end_of_text|>); plain text
  UserDefined = 4, // added to the vocabulary with plain text
  Unused = 5,      // an id without a token
  Byte = 6,        // <0x0A>, for a byte of a character without a token
};

struct TokenizerData {
  std::string source; // the file, for errors
  TokenizerModel model = TokenizerModel::ByteLevel;
  Pretokenizer pretokenizer = Pretokenizer::Gpt2;
  bool normalizeNfc = false; // text is brought to form C first (Qwen2)
  bool ignoreMerges = false; // a piece that is a token is not merged (Llama-3)
  bool fuseUnknown = false;  // neighbouring unknown bytes are one `unknown`

  std::vector<std::string> tokens; // spellings in order of ids
  std::vector<TokenType> types;    // one per token; empty: all Normal
  std::vector<std::string> merges; // "left right" in order of rank
  /// SentencePiece: neighbours that make a token are joined by falling score of
  /// that token; one per token. Empty: by `merges`.
  std::vector<float> scores;
  SpacePrefix spacePrefix = SpacePrefix::Never;
  /// Special tokens that take the white space behind them with them.
  std::vector<TokenId> stripsRight;

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
