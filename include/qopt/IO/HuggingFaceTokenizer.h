//===- HuggingFaceTokenizer.h - reading tokenizer.json ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Two steps of Tokenizer::load. The pipeline of a tokenizer.json (normalizer,
// pre-tokenizer, model, post-processor, decoder) can express far more than
// byte-level BPE; every part that is not known to mean what Tokenizer does is
// an error that names it. `truncation` and `padding` concern batches and are
// ignored.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_HUGGINGFACETOKENIZER_H
#define QOPT_IO_HUGGINGFACETOKENIZER_H

#include "qopt/IO/Json.h"
#include "qopt/IO/TokenizerData.h"

namespace qopt {

/// The vocabulary, merges, pre-tokenizer and template of a tokenizer.json. Ids
/// may have holes, at most as many as there are tokens; they become Unused.
Result<TokenizerData> readTokenizerJson(const JsonDocument &document);

/// Adds what tokenizer_config.json, generation_config.json and
/// chat_template.jinja in `directory` say about special tokens and chats; each
/// file may be absent. Where they differ, tokenizer_config.json comes before
/// generation_config.json, and chat_template.jinja before both.
Status readTokenizerConfigs(const std::string &directory, TokenizerData &data);

} // namespace qopt

#endif // QOPT_IO_HUGGINGFACETOKENIZER_H
