//===- SentencePieceJson.cpp - SentencePiece in a tokenizer.json ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     Llama 2, Phi-3: normalizer [Prepend ▁, Replace " " by ▁]
//     Mistral:        the same, or pre_tokenizer Metaspace (first, no split)
//     Gemma:          normalizer Replace; pre_tokenizer Split at " ", of which
//                     none is left by then
//     decoder:        [Replace ▁ by " ", ByteFallback, Fuse, Strip]
//
//===----------------------------------------------------------------------===//
#include "SentencePieceJson.h"

using namespace qopt;
using namespace qopt::detail;

static constexpr std::string_view blank = "\u2581";

static Status require(JsonValue component, std::string_view key,
                      std::string_view expected) {
  QOPT_ASSIGN(const auto found, component.getString(key));
  if (found != expected)
    return component.error("'", key, "' = '", found, "' is not supported");
  return {};
}

Result<bool> detail::isSentencePiece(JsonValue root) {
  QOPT_ASSIGN(const auto model, root.getObject("model"));
  return model.getBool("byte_fallback", false);
}

/// A component, or those of a Sequence of them.
static Result<std::vector<JsonValue>> steps(JsonValue component,
                                            std::string_view key) {
  QOPT_ASSIGN(const auto type, component.getString("type"));
  if (type != "Sequence")
    return std::vector<JsonValue>{component};
  QOPT_ASSIGN(const auto list, component.getArray(key));
  std::vector<JsonValue> result;
  result.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i)
    result.push_back(list[i]);
  return result;
}

/// Replace of one string by another.
static Status checkReplace(JsonValue step, std::string_view from,
                           std::string_view to) {
  QOPT_ASSIGN(const auto pattern, step.getObject("pattern"));
  QOPT_CHECK(require(pattern, "String", from));
  return require(step, "content", to);
}

static Status readNormalizer(JsonValue root, bool &replaces,
                             TokenizerData &data) {
  const auto normalizer = root.find("normalizer");
  if (!normalizer)
    return {};
  QOPT_ASSIGN(const auto list, steps(*normalizer, "normalizers"));
  for (const JsonValue step : list) {
    QOPT_ASSIGN(const auto type, step.getString("type"));
    if (type == "Prepend" && !replaces) {
      QOPT_CHECK(require(step, "prepend", blank));
      data.spacePrefix = SpacePrefix::Always;
    } else if (type == "Replace") {
      QOPT_CHECK(checkReplace(step, " ", blank));
      replaces = true;
    } else {
      return step.error("unknown normalizer '", type, "' before SentencePiece");
    }
  }
  return {};
}

static Status readMetaspace(JsonValue component, TokenizerData &data) {
  QOPT_CHECK(require(component, "replacement", blank));
  QOPT_ASSIGN(const bool splits, component.getBool("split", true));
  if (splits)
    return component.error("'split' = true is not supported");
  QOPT_ASSIGN(const auto scheme, component.getString("prepend_scheme"));
  if (scheme == "first")
    data.spacePrefix = SpacePrefix::First;
  else if (scheme == "always")
    data.spacePrefix = SpacePrefix::Always;
  else if (scheme != "never")
    return component.error("unknown 'prepend_scheme' '", scheme, "'");
  return {};
}

static Status readPretokenizer(JsonValue root, bool &replaces,
                               TokenizerData &data) {
  const auto component = root.find("pre_tokenizer");
  if (!component)
    return {};
  QOPT_ASSIGN(const auto type, component->getString("type"));
  if (type == "Metaspace" && !replaces) {
    replaces = true;
    return readMetaspace(*component, data);
  }
  if (type != "Split" || !replaces)
    return component->error("unknown pre-tokenizer '", type,
                            "' before SentencePiece");
  QOPT_ASSIGN(const auto pattern, component->getObject("pattern"));
  return require(pattern, "String", " "); // which the normalizer has replaced
}

static Status readDecoder(JsonValue root) {
  QOPT_ASSIGN(const auto component, root.getObject("decoder"));
  QOPT_ASSIGN(const auto list, steps(component, "decoders"));
  for (const JsonValue step : list) {
    QOPT_ASSIGN(const auto type, step.getString("type"));
    if (type == "Replace")
      QOPT_CHECK(checkReplace(step, blank, " "));
    else if (type == "Strip")
      QOPT_CHECK(require(step, "content", " "));
    else if (type != "ByteFallback" && type != "Fuse" && type != "Metaspace")
      return step.error("unknown decoder '", type, "' behind SentencePiece");
  }
  return {};
}

Status detail::readSentencePiecePipeline(JsonValue root, TokenizerData &data) {
  data.model = TokenizerModel::SentencePiece;
  bool replaces = false;
  QOPT_CHECK(readNormalizer(root, replaces, data));
  QOPT_CHECK(readPretokenizer(root, replaces, data));
  if (!replaces)
    return root.error("nothing turns blanks into ", blank,
                      ", which is how SentencePiece spells them");
  return readDecoder(root);
}
