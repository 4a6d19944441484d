// A whole .safetensors file: every tensor of an accepted file lies inside it,
// and together they cover its data exactly.
#include "qopt/IO/Safetensors.h"
#include "Fuzz.h"

#include <set>

using namespace qopt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto header = parseSafetensors({data, size}, "fuzz.safetensors");
  if (!header) {
    fuzz::require(header.error().kind == ErrorKind::BadInput,
                  "a file that is refused is bad input");
    return 0;
  }
  std::set<std::string> names;
  uint64_t end = 0, sum = 0;
  for (const SafetensorsTensor &tensor : header->tensors) {
    fuzz::require(names.insert(tensor.name).second, "names are unique");
    fuzz::require(tensor.offset >= end, "tensors come in order of offsets");
    fuzz::require(tensor.offset <= size && tensor.bytes <= size - tensor.offset,
                  "tensors lie inside the file");
    end = tensor.offset + tensor.bytes;
    for (uint64_t i = tensor.offset; i < end; ++i)
      sum += data[i]; // a sanitizer sees a read past the end
  }
  volatile uint64_t seen = sum;
  (void)seen;
  fuzz::require(header->tensors.empty() || end == size,
                "nothing follows the last tensor");
  return 0;
}
