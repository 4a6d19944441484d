// A .gguf file as a model: its configuration from its keys and tensors.
#include "qopt/Import/GgufConfig.h"
#include "ConfigLimits.h"

#include <string>
#include <sys/mman.h>
#include <unistd.h>

using namespace qopt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // A file in memory, because models are only read from files.
  int descriptor = memfd_create("fuzz", 0);
  if (descriptor < 0 || write(descriptor, data, size) != ssize_t(size))
    std::abort();
  if (auto file = GgufFile::open("/proc/self/fd/" + std::to_string(descriptor)))
    if (auto config = readGgufConfig(*file))
      fuzz::requireLimits(*config);
  close(descriptor);
  return 0;
}
