// A tokenizer.model: an accepted tokenizer encodes and decodes any text without
// leaving its vocabulary.
#include "Fuzz.h"
#include "qopt/IO/SentencePieceModel.h"
#include "qopt/IO/Tokenizer.h"

using namespace qopt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto content = readSentencePieceModel({data, size}, "tokenizer.model");
  if (!content)
    return 0;
  auto tokenizer = Tokenizer::create(std::move(*content));
  if (!tokenizer)
    return 0;
  for (bool special : {false, true}) {
    std::vector<TokenId> ids =
        tokenizer->encode(fuzz::text(data, size),
                          {.parseSpecial = special, .prependBos = special});
    for (TokenId id : ids)
      fuzz::require(id >= 0 && size_t(id) < tokenizer->size(),
                    "ids lie in the vocabulary");
    (void)tokenizer->decode(ids, {.skipControl = special});
  }
  return 0;
}
