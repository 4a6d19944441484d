//===- Tokenizer.h - text to token ids and back -----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Byte-level BPE as in GPT-2, Llama-3 and Qwen2, and the BPE of SentencePiece
// as in Llama 2, Mistral, Gemma and Phi-3. Text is any sequence of bytes: what
// is not UTF-8 is encoded byte by byte, and decode(encode(text)) == text unless
// the tokenizer normalizes or lacks tokens for some bytes, or U+2581 is in the
// text, which SentencePiece takes for a blank.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_TOKENIZER_H
#define QOPT_IO_TOKENIZER_H

#include "qopt/IO/TokenMatcher.h"
#include "qopt/IO/TokenizerData.h"
#include "qopt/Support/Error.h"

#include <array>
#include <span>
#include <string_view>
#include <unordered_map>

namespace qopt {

struct EncodeOptions {
  /// Recognise the spellings of control and user-defined tokens (the latter are
  /// always recognised by SentencePiece). Text from outside must not be encoded
  /// so: it could forge the turns of a chat.
  bool parseSpecial = false;
  /// Put the BOS token first if the model wants one (addBos()).
  bool prependBos = false;
};

struct DecodeOptions {
  bool skipControl = false; // leave out <|end_of_text|> and the like
};

/// Immutable, so threads may share it.
class Tokenizer {
public:
  /// Errors (BadInput) name `data.source` and the entry: no tokens, empty or
  /// duplicate spellings, special ids outside of the vocabulary, merges that
  /// are not two tokens or do not give a token, a merge twice.
  static Result<Tokenizer> create(TokenizerData data);
  /// Reads a tokenizer.json or tokenizer.model, or the one in a checkpoint
  /// directory (the former if it has both), and the configuration files beside
  /// it; or the tokenizer in a .gguf file.
  static Result<Tokenizer> load(const std::string &path);

  Tokenizer(Tokenizer &&) = default;
  Tokenizer &operator=(Tokenizer &&) = default;

  /// A byte without a token of its own becomes the unknown token, or nothing if
  /// the tokenizer has none.
  std::vector<TokenId> encode(std::string_view text,
                              EncodeOptions options = {}) const;
  /// The bytes of the tokens in sequence, not necessarily UTF-8 (Utf8Stream
  /// makes it so). Ids without a token, as the padding of an embedding matrix
  /// has them, give nothing. The blank that encode() puts in front is left out.
  std::string decode(std::span<const TokenId> ids,
                     DecodeOptions options = {}) const;
  /// The bytes of one token; none if the id has no token.
  std::string_view bytesOf(TokenId id) const;
  std::optional<TokenId> find(std::string_view spelling) const;

  std::size_t size() const { return content.tokens.size(); }
  TokenType typeOf(TokenId id) const { return content.types[id]; }
  std::optional<TokenId> bos() const { return content.bos; }
  std::optional<TokenId> eos() const { return content.eos; }
  std::optional<TokenId> pad() const { return content.pad; }
  bool addBos() const { return content.addBos; }
  bool isStop(TokenId id) const;
  /// Everything, as create() completed it: types and stop are filled in.
  const TokenizerData &data() const { return content; }

private:
  static constexpr TokenId noToken = -1;
  explicit Tokenizer(TokenizerData data) : content(std::move(data)) {}
  Status indexTokens();
  Status checkSpecialIds();
  Status indexMerges();
  void encodeOrdinary(std::string_view text, std::vector<TokenId> &ids) const;
  void encodePiece(std::string_view piece, std::vector<TokenId> &ids) const;
  // SentencePiece.
  Status indexScores();
  bool prefixes(bool first) const;
  void encodeSentence(std::string_view text, bool first,
                      std::vector<TokenId> &ids) const;
  void encodeRun(std::string_view run, std::vector<TokenId> &ids) const;
  void encodeWord(std::string_view word, std::vector<TokenId> &ids) const;
  std::size_t endOfWord(std::string_view run, std::size_t begin) const;

  TokenizerData content;
  std::vector<std::string> bytes; // of each token
  // Keys are views of content.tokens, whose strings a move leaves in place.
  std::unordered_map<std::string_view, TokenId> idOf;
  std::array<TokenId, 256> byteToken{}; // or noToken
  std::optional<BytePairEncoder> encoder;
  TokenMatcher special, userDefined;
  // Whether no token of SentencePiece goes on with a blank behind other
  // characters, so that words can be encoded one by one.
  bool wordsAreSeparate = true;
};

} // namespace qopt

#endif // QOPT_IO_TOKENIZER_H
