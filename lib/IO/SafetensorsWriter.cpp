//===- SafetensorsWriter.cpp - writing .safetensors -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Json.h"
#include "qopt/IO/Safetensors.h"

#include <algorithm>

using namespace qopt;

namespace {
constexpr uint64_t dataAlignment = 64;

void writeEntry(JsonWriter &json, const SafetensorsDeclaration &declaration,
                uint64_t begin, uint64_t end) {
  json.key(declaration.name).beginObject();
  json.member("dtype", std::string(dtypeName(declaration.dtype)));
  json.key("shape").beginArray();
  for (int64_t extent : declaration.shape)
    json.value(extent);
  json.endArray();
  json.key("data_offsets").beginArray().value(begin).value(end).endArray();
  json.endObject();
}

Result<uint64_t> declaredBytes(const std::string &path,
                               const SafetensorsDeclaration &declaration) {
  if (std::ranges::count(declaration.shape, 0) > 0)
    return 0;
  std::optional<uint64_t> bytes =
      checkedTensorBytes(declaration.shape, byteSize(declaration.dtype));
  if (!bytes)
    return internalError(path, ": tensor ", quote(declaration.name),
                         " has an impossible shape");
  return *bytes;
}
} // namespace

Result<SafetensorsWriter> SafetensorsWriter::create(
    const std::string &path,
    const std::vector<SafetensorsDeclaration> &declarations,
    const StringPairs &metadata, bool overwrite) {
  JsonWriter json;
  json.beginObject();
  if (!metadata.empty()) {
    json.key("__metadata__").beginObject();
    for (const auto &[key, value] : metadata)
      json.member(key, value);
    json.endObject();
  }
  std::vector<FileRegion> regions; // offsets from the start of the data, first
  uint64_t end = 0;
  for (int64_t elementBytes : {8, 4, 2, 1})
    for (const SafetensorsDeclaration &declaration : declarations) {
      if (byteSize(declaration.dtype) != elementBytes)
        continue;
      if (declaration.name.empty() || declaration.name == "__metadata__")
        return internalError(path, ": tensor name ", quote(declaration.name));
      QOPT_ASSIGN(uint64_t bytes, declaredBytes(path, declaration));
      uint64_t begin = end;
      if (__builtin_add_overflow(begin, bytes, &end))
        return internalError(path, ": more than 2^64 bytes of tensors");
      writeEntry(json, declaration, begin, end);
      regions.push_back({declaration.name, begin, bytes});
    }
  json.endObject();

  std::string text = json.text();
  text.resize(alignUp(8 + text.size(), dataAlignment) - 8, ' ');
  uint64_t length = text.size(), start = 8 + length;
  for (FileRegion &region : regions)
    region.offset += start;
  std::string header(reinterpret_cast<const char *>(&length), sizeof(length));
  QOPT_ASSIGN(RegionFile file,
              RegionFile::create(path, header + text, std::move(regions),
                                 start + end, overwrite));
  return SafetensorsWriter(std::move(file));
}
