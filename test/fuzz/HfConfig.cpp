// A config.json.
#include "qopt/Import/HfConfig.h"
#include "ConfigLimits.h"

using namespace qopt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto document = JsonDocument::parse(fuzz::text(data, size), "config.json");
  if (!document)
    return 0;
  if (auto config = parseHfConfig(document->root(), "config.json"))
    fuzz::requireLimits(*config);
  return 0;
}
