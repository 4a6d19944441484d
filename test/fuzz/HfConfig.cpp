// A config.json: the numbers of an accepted configuration are within the limits
// that everything behind it relies on.
#include "qopt/Import/HfConfig.h"
#include "Fuzz.h"

using namespace qopt;

static bool within(int64_t value, CountRange range) {
  return value >= range.least && value <= range.most;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto document = JsonDocument::parse(fuzz::text(data, size), "config.json");
  if (!document)
    return 0;
  auto config = parseHfConfig(document->root(), "config.json");
  if (!config)
    return 0;
  fuzz::require(config->architecture != nullptr, "the architecture is known");
  fuzz::require(
      within(config->layers, limits::layers) &&
          within(config->heads, limits::heads) &&
          within(config->kvHeads, limits::heads) &&
          within(config->headDim, limits::headDim) &&
          within(config->hiddenSize, limits::hiddenSize) &&
          within(config->intermediateSize, limits::intermediateSize) &&
          within(config->vocabularySize, limits::vocabularySize) &&
          within(config->maxPositions, limits::positions),
      "counts are within their limits");
  fuzz::require(config->heads % config->kvHeads == 0, "heads divide");
  fuzz::require(config->windowed.empty() ||
                    config->windowed.size() == size_t(config->layers),
                "there is one kind of attention per layer");
  for (int64_t layer = 0; layer < config->layers; ++layer)
    if (auto window = config->windowOf(layer))
      fuzz::require(*window > 0, "windows are positive");
  for (WeightRole role : config->blockRoles())
    for (int64_t extent : config->shapeOf(role))
      fuzz::require(extent > 0, "weights have elements");
  return 0;
}
