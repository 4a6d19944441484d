// A whole .gguf file: every tensor of an accepted file lies inside it and has
// the bytes of its shape, and every key answers every typed question.
#include "qopt/IO/Gguf.h"
#include "Fuzz.h"

#include <set>

using namespace qopt;

static void ask(const GgufMetadata &metadata, const std::string &key) {
  (void)metadata.getUnsigned(key);
  (void)metadata.getInt(key);
  (void)metadata.getFloat(key);
  (void)metadata.getBool(key);
  (void)metadata.getString(key);
  (void)metadata.getStrings(key);
  (void)metadata.getInts(key);
  (void)metadata.getFloats(key);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto header = parseGguf({data, size}, "fuzz.gguf");
  if (!header) {
    fuzz::require(header.error().kind == ErrorKind::BadInput,
                  "a file that is refused is bad input");
    return 0;
  }
  for (const auto &[key, value] : header->metadata.entries())
    ask(header->metadata, key);
  std::set<std::string> names;
  uint64_t end = 0;
  for (const GgufTensor &tensor : header->tensors) {
    fuzz::require(names.insert(tensor.name).second, "names are unique");
    fuzz::require(!tensor.dims.empty() && tensor.dims.size() <= 4,
                  "tensors have 1 to 4 dimensions");
    for (int64_t dim : tensor.dims)
      fuzz::require(dim > 0, "dimensions are positive");
    fuzz::require(tensor.offset % header->alignment == 0 &&
                      tensor.offset >= end,
                  "tensors are aligned and do not overlap");
    fuzz::require(tensor.offset <= size && tensor.bytes <= size - tensor.offset,
                  "tensors lie inside the file");
    fuzz::require(tensor.bytes > 0, "tensors have bytes");
    end = tensor.offset + tensor.bytes;
  }
  return 0;
}
