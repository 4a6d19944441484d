//===- SentencePieceModel.h - reading tokenizer.model -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_SENTENCEPIECEMODEL_H
#define QOPT_IO_SENTENCEPIECEMODEL_H

#include "qopt/IO/Bytes.h"
#include "qopt/IO/TokenizerData.h"

namespace qopt {

/// Reads a model of SentencePiece (a protocol buffer, ModelProto). Only models
/// of the kind of Llama 2, Mistral, Gemma and Phi-3 are supported: BPE by
/// scores, without a table of normalizations. Errors name what stands in the
/// way, and its place in the file.
Result<TokenizerData> readSentencePieceModel(ByteSpan bytes,
                                             const std::string &file);

} // namespace qopt

#endif // QOPT_IO_SENTENCEPIECEMODEL_H
