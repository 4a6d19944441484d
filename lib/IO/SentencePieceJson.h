//===- SentencePieceJson.h - SentencePiece in a tokenizer.json --*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_IO_SENTENCEPIECEJSON_H
#define QOPT_LIB_IO_SENTENCEPIECEJSON_H

#include "qopt/IO/Json.h"
#include "qopt/IO/TokenizerData.h"

namespace qopt::detail {

/// Whether the file holds a converted model of SentencePiece: characters that
/// have no token are spelled as bytes.
Result<bool> isSentencePiece(JsonValue root);

/// Reads normalizer, pre-tokenizer and decoder of such a file. Every component
/// that is not known to mean what SentencePieceEncoder.cpp does is an error.
Status readSentencePiecePipeline(JsonValue root, TokenizerData &data);

} // namespace qopt::detail

#endif // QOPT_LIB_IO_SENTENCEPIECEJSON_H
