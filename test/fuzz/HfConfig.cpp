// A config.json.
#include "qopt/Import/HfConfig.h"
#include "ConfigLimits.h"
#include "qopt/Import/QuantizationConfig.h"

using namespace qopt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto document = JsonDocument::parse(fuzz::text(data, size), "config.json");
  if (!document)
    return 0;
  if (auto config = parseHfConfig(document->root(), "config.json"))
    fuzz::requireLimits(*config);
  auto quantization = parseQuantizationConfig(document->root());
  if (quantization && *quantization)
    for (int bits : (*quantization)->bits)
      fuzz::require(bits >= 2 && bits <= 8, "widths are possible");
  return 0;
}
