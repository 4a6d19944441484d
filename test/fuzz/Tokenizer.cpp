// A tokenizer.json: an accepted tokenizer encodes and decodes any text without
// leaving its vocabulary.
#include "qopt/IO/Tokenizer.h"
#include "Fuzz.h"
#include "qopt/IO/HuggingFaceTokenizer.h"

using namespace qopt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text = fuzz::text(data, size);
  auto document = JsonDocument::parse(text, "tokenizer.json");
  if (!document)
    return 0;
  auto content = readTokenizerJson(*document);
  if (!content)
    return 0;
  auto tokenizer = Tokenizer::create(std::move(*content));
  if (!tokenizer)
    return 0;
  for (bool special : {false, true}) {
    std::vector<TokenId> ids = tokenizer->encode(
        text, {.parseSpecial = special, .prependBos = special});
    for (TokenId id : ids)
      fuzz::require(id >= 0 && size_t(id) < tokenizer->size(),
                    "ids lie in the vocabulary");
    (void)tokenizer->decode(ids, {.skipControl = special});
  }
  return 0;
}
