//===- SentencePieceModel.cpp - reading tokenizer.model -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     ModelProto:      1 piece*, 2 TrainerSpec, 3 NormalizerSpec
//     piece:           1 text, 2 score, 3 type (as TokenType)
//     TrainerSpec:     3 model type (2: BPE), 24 blanks behind words,
//                      40 to 43 the ids of unk, bos, eos, pad (-1: none)
//     NormalizerSpec:  1 name, 2 table, 3 dummy prefix, 4 trim, 5 escape
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/SentencePieceModel.h"
#include "qopt/IO/Protobuf.h"

#include <cmath>

using namespace qopt;

namespace {
class Reader {
public:
  explicit Reader(const std::string &file) {
    data.source = file;
    data.model = TokenizerModel::SentencePiece;
    data.spacePrefix = SpacePrefix::Always;
  }

  Status model(ProtobufReader reader);
  Status specialTokens();

  TokenizerData data;

private:
  Status piece(ProtobufReader reader);
  Status trainer(ProtobufReader reader);
  Status normalizer(ProtobufReader reader);

  // The defaults of TrainerSpec.
  int64_t modelType = 1, unknown = 0, bos = 1, eos = 2, pad = -1;
  bool trims = true; // NormalizerSpec's default
};
} // namespace

Status Reader::piece(ProtobufReader reader) {
  std::string_view text;
  float score = 0;
  int64_t type = int64_t(TokenType::Normal);
  while (!reader.atEnd()) {
    QOPT_ASSIGN(const ProtobufField field, reader.next());
    if (field.number == 1) {
      QOPT_ASSIGN(text, reader.text(field));
    } else if (field.number == 2) {
      QOPT_ASSIGN(score, reader.number(field));
      if (!std::isfinite(score))
        return reader.error(field, "a score is not a finite number");
    } else if (field.number == 3) {
      QOPT_ASSIGN(type, reader.integer(field));
      if (type < int64_t(TokenType::Normal) || type > int64_t(TokenType::Byte))
        return reader.error(field, "a piece has the unknown type ", type);
    }
  }
  data.tokens.emplace_back(text);
  data.scores.push_back(score);
  data.types.push_back(TokenType(type));
  return {};
}

Status Reader::trainer(ProtobufReader reader) {
  while (!reader.atEnd()) {
    QOPT_ASSIGN(const ProtobufField field, reader.next());
    int64_t *value = nullptr;
    switch (field.number) {
    case 3:
      value = &modelType;
      break;
    case 24: {
      QOPT_ASSIGN(const bool suffix, reader.flag(field));
      if (suffix)
        return reader.error(field, "blanks behind words "
                                   "(treat_whitespace_as_suffix) are not "
                                   "supported");
      break;
    }
    case 40:
      value = &unknown;
      break;
    case 41:
      value = &bos;
      break;
    case 42:
      value = &eos;
      break;
    case 43:
      value = &pad;
      break;
    }
    if (value) {
      QOPT_ASSIGN(*value, reader.integer(field));
      // Enumerations and int32 are written with 64 bits if they are negative.
      *value = int32_t(*value);
    }
  }
  return {};
}

Status Reader::normalizer(ProtobufReader reader) {
  std::string_view name = "identity";
  while (!reader.atEnd()) {
    QOPT_ASSIGN(const ProtobufField field, reader.next());
    if (field.number == 1) {
      QOPT_ASSIGN(name, reader.text(field));
    } else if (field.number == 2 && !field.bytes.empty()) {
      return reader.error(field, "text is normalized by ", quote(name),
                          "; only \"identity\" is supported");
    } else if (field.number == 3) {
      QOPT_ASSIGN(const bool prefix, reader.flag(field));
      data.spacePrefix = prefix ? SpacePrefix::Always : SpacePrefix::Never;
    } else if (field.number == 4) {
      QOPT_ASSIGN(trims, reader.flag(field));
    } else if (field.number == 5) {
      QOPT_ASSIGN(const bool escapes, reader.flag(field));
      if (!escapes)
        return reader.error(field, "blanks that are not escaped "
                                   "(escape_whitespaces) are not supported");
    }
  }
  return {};
}

Status Reader::model(ProtobufReader reader) {
  while (!reader.atEnd()) {
    QOPT_ASSIGN(const ProtobufField field, reader.next());
    if (field.number < 1 || field.number > 3)
      continue;
    QOPT_ASSIGN(const ProtobufReader part, reader.message(field));
    QOPT_CHECK(field.number == 1   ? piece(part)
               : field.number == 2 ? trainer(part)
                                   : normalizer(part));
  }
  return {};
}

Status Reader::specialTokens() {
  constexpr int64_t bytePairs = 2;
  if (modelType != bytePairs)
    return badInput(data.source, ": the model type ", modelType,
                    modelType == 1 ? " (unigram)" : "",
                    " is not supported; BPE, 2, is");
  if (trims)
    return badInput(data.source, ": blanks are trimmed "
                                 "(remove_extra_whitespaces), which is not "
                                 "supported");
  for (auto [value, id] : {std::pair{unknown, &data.unknown},
                           {bos, &data.bos},
                           {eos, &data.eos},
                           {pad, &data.pad}}) {
    if (value < 0)
      continue;
    if (value >= int64_t(data.tokens.size()))
      return badInput(data.source, ": special token ", value,
                      " is not in the vocabulary of ", data.tokens.size());
    *id = TokenId(value);
  }
  data.addBos = data.bos.has_value(); // as every family with such a model does
  return {};
}

Result<TokenizerData> qopt::readSentencePieceModel(ByteSpan bytes,
                                                   const std::string &file) {
  Reader reader(file);
  QOPT_CHECK(reader.model(ProtobufReader(bytes, file)));
  QOPT_CHECK(reader.specialTokens());
  return std::move(reader.data);
}
