//===- GgufTokenizer.h - the tokenizer in a GGUF file -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_GGUFTOKENIZER_H
#define QOPT_IO_GGUFTOKENIZER_H

#include "qopt/IO/GgufMetadata.h"
#include "qopt/IO/TokenizerData.h"

namespace qopt {

/// Reads the keys `tokenizer.*`. Byte-level BPE (model "gpt2") with a known
/// pre-tokenizer and the BPE of SentencePiece (model "llama", which prepends
/// BOS unless told otherwise) are supported; errors name the key. What a GGUF
/// file leaves to the program that reads it follows from the pre-tokenizer's
/// name, as in the models that introduced it: Llama-3 prepends BOS unless told
/// otherwise and does not merge pieces that are tokens, Qwen2 normalizes.
Result<TokenizerData> readGgufTokenizer(const GgufMetadata &metadata,
                                        const std::string &file);

} // namespace qopt

#endif // QOPT_IO_GGUFTOKENIZER_H
