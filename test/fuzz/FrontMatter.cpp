// The head of a README.md.
#include "qopt/IO/FrontMatter.h"
#include "Fuzz.h"
#include "qopt/IO/Bytes.h"

using namespace qopt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  for (const auto &[key, values] : readFrontMatter(fuzz::text(data, size))) {
    fuzz::require(!key.empty() && !values.empty(), "keys have values");
    for (const std::string &value : values)
      fuzz::require(!value.empty() && isUtf8(value), "values are UTF-8");
  }
  return 0;
}
