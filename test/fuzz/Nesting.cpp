// The text of a module: the check before MLIR's parser answers for any bytes,
// and not differently for the same bytes with a comment before them.
#include "Nesting.h"
#include "Fuzz.h"

#include <string>

using namespace qopt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text = fuzz::text(data, size);
  bool accepted = checkNesting(text, "fuzz.mlir").has_value();
  if (text.starts_with("ML\xefR")) // bytecode has no comments
    return 0;
  std::string commented = "// (((\n" + std::string(text);
  fuzz::require(checkNesting(commented, "fuzz.mlir").has_value() == accepted,
                "comments do not nest");
  return 0;
}
