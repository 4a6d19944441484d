//===- Safetensors.cpp - reading .safetensors -----------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Safetensors.h"
#include "qopt/IO/Json.h"

#include <algorithm>

using namespace qopt;

namespace {
constexpr uint64_t maxHeader = 100'000'000; // as in the reference reader
constexpr size_t maxName = 4096;

Result<uint64_t> tensorBytes(const JsonValue &entry, DType dtype,
                             const std::vector<int64_t> &shape) {
  std::vector<int64_t> positive;
  for (int64_t extent : shape)
    if (extent > 0)
      positive.push_back(extent);
  std::optional<uint64_t> bytes = checkedTensorBytes(positive, byteSize(dtype));
  if (!bytes)
    return entry.error("shape has too many elements");
  return positive.size() == shape.size() ? *bytes : 0;
}

/// `data` is the size of the data section and `start` its place in the file.
Result<SafetensorsTensor> parseTensor(std::string_view name,
                                      const JsonValue &entry, uint64_t start,
                                      uint64_t data) {
  if (name.empty() || name.size() > maxName || name.find('\0') != name.npos)
    return entry.error("tensor name is empty, contains NUL or is longer than ",
                       maxName, " bytes");
  SafetensorsTensor tensor;
  tensor.name = name;
  QOPT_ASSIGN(std::string_view dtypeText, entry.getString("dtype"));
  std::optional<DType> dtype = parseDType(dtypeText);
  if (!dtype)
    return entry.error("element type ", quote(dtypeText), " is not supported");
  tensor.dtype = *dtype;

  QOPT_ASSIGN(JsonValue shape, entry.getArray("shape"));
  for (size_t i = 0; i < shape.size(); ++i) {
    QOPT_ASSIGN(int64_t extent, shape[i].asInt());
    if (extent < 0)
      return shape[i].error("extent ", extent, " is negative");
    tensor.shape.push_back(extent);
  }
  QOPT_ASSIGN(tensor.bytes, tensorBytes(entry, *dtype, tensor.shape));

  QOPT_ASSIGN(JsonValue offsets, entry.getArray("data_offsets"));
  if (offsets.size() != 2)
    return offsets.error("expected begin and end");
  QOPT_ASSIGN(uint64_t begin, offsets[0].asUnsigned());
  QOPT_ASSIGN(uint64_t end, offsets[1].asUnsigned());
  if (begin > end || end > data)
    return offsets.error("[", begin, ", ", end, ") is not a part of the ", data,
                         " bytes of data");
  if (end - begin != tensor.bytes)
    return offsets.error("covers ", end - begin,
                         " bytes, but type and shape make ", tensor.bytes);
  tensor.offset = start + begin;
  return tensor;
}

/// Tensors by offset must follow each other without hole or overlap and end
/// where the file ends.
Status checkTiling(const std::string &file,
                   const std::vector<SafetensorsTensor> &tensors,
                   uint64_t start, uint64_t size) {
  uint64_t expected = start;
  for (const SafetensorsTensor &tensor : tensors) {
    if (tensor.offset != expected)
      return badInput(file, ": tensor ", quote(tensor.name), " starts at byte ",
                      tensor.offset, ", the one before it ends at ", expected);
    expected += tensor.bytes;
  }
  if (expected != size)
    return badInput(file, ": ", size - expected,
                    " bytes follow the last tensor");
  return {};
}
} // namespace

Result<SafetensorsHeader> qopt::parseSafetensors(ByteSpan bytes,
                                                 const std::string &file) {
  ByteReader reader(bytes, file);
  QOPT_ASSIGN(uint64_t length, reader.read<uint64_t>("header length"));
  if (length > maxHeader)
    return badInput(file, ": header of ", length, " bytes; at most ", maxHeader,
                    " are allowed (is this a .safetensors file?)");
  QOPT_ASSIGN(ByteSpan raw, reader.take(length, "header"));
  std::string_view text(reinterpret_cast<const char *>(raw.data()), raw.size());
  if (!text.starts_with('{'))
    return badInput(file, ": at byte 8: header does not start with {");
  QOPT_ASSIGN(JsonDocument document,
              JsonDocument::parse(text, str(file, ": header")));
  JsonValue root = document.root();

  SafetensorsHeader header;
  uint64_t start = reader.offset(), data = reader.remaining();
  for (size_t i = 0; i < root.size(); ++i) {
    if (root.key(i) == "__metadata__") {
      if (!root[i].isObject())
        return root[i].error("expected an object of strings");
      for (size_t j = 0; j < root[i].size(); ++j) {
        QOPT_ASSIGN(std::string_view value, root[i][j].asString());
        header.metadata.emplace_back(root[i].key(j), value);
      }
      continue;
    }
    QOPT_ASSIGN(SafetensorsTensor tensor,
                parseTensor(root.key(i), root[i], start, data));
    header.tensors.push_back(std::move(tensor));
  }
  // Empty tensors share their offset with a neighbour: the smaller end first.
  std::ranges::sort(header.tensors, {}, [](const SafetensorsTensor &tensor) {
    return std::tuple(tensor.offset, tensor.bytes,
                      std::string_view(tensor.name));
  });
  QOPT_CHECK(checkTiling(file, header.tensors, start, bytes.size()));
  return header;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string &path) {
  QOPT_ASSIGN(auto mapped, MappedFile::open(path));
  QOPT_CHECK(mapped->stillWhole());
  QOPT_ASSIGN(SafetensorsHeader header,
              parseSafetensors(mapped->bytes(), path));
  return SafetensorsFile(std::move(mapped), std::move(header));
}

SafetensorsFile::SafetensorsFile(std::shared_ptr<const MappedFile> mapped,
                                 SafetensorsHeader parsed)
    : mapped(std::move(mapped)), header(std::move(parsed)) {
  for (size_t i = 0; i < header.tensors.size(); ++i)
    byName.emplace(header.tensors[i].name, i);
}

const SafetensorsTensor *SafetensorsFile::find(std::string_view name) const {
  auto found = byName.find(std::string(name));
  return found == byName.end() ? nullptr : &header.tensors[found->second];
}
