//===- Gguf.cpp - reading GGUF --------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Gguf.h"
#include "GgufParts.h"

#include <unordered_set>

using namespace qopt;

namespace {
// The least bytes that a key or a tensor can take: a count above
// remaining / least is a lie.
constexpr uint64_t leastKey = 8 + 1 + 4 + 1;
constexpr uint64_t leastTensor = 8 + 1 + 4 + 8 + 4 + 8;

Result<uint64_t> readCount(ByteReader &reader, std::string_view what,
                           uint64_t leastBytes) {
  QOPT_ASSIGN(uint64_t count, reader.read<uint64_t>(what));
  if (count > reader.remaining() / leastBytes)
    return reader.error(what, " ", count, " cannot fit the ",
                        reader.remaining(), " bytes left");
  return count;
}

/// `offset` is left as the file gives it: relative to the data.
Result<GgufTensor> readTensor(ByteReader &reader) {
  GgufTensor tensor;
  QOPT_ASSIGN(std::string_view name,
              detail::readGgufName(reader, "tensor name", detail::ggufMaxName));
  tensor.name = name;
  QOPT_ASSIGN(uint32_t dims, reader.read<uint32_t>("dimension count"));
  if (dims == 0 || dims > detail::ggufMaxDims)
    return reader.error("tensor ", quote(name), ": ", dims,
                        " dimensions; 1 to ", detail::ggufMaxDims,
                        " are allowed");
  for (uint32_t i = 0; i < dims; ++i) {
    QOPT_ASSIGN(int64_t dim, reader.read<int64_t>("dimension"));
    tensor.dims.push_back(dim);
  }
  QOPT_ASSIGN(uint32_t type, reader.read<uint32_t>("tensor type"));
  QOPT_ASSIGN(tensor.bytes, detail::ggufTensorBytes(name, type, tensor.dims)
                                .map_error([&](Error error) {
                                  error.message =
                                      str(reader.name(), ": at byte ",
                                          reader.offset(), ": ", error.message);
                                  return error;
                                }));
  tensor.type = GgufType(type);
  QOPT_ASSIGN(tensor.offset, reader.read<uint64_t>("tensor offset"));
  return tensor;
}

Status readStart(ByteReader &reader) {
  QOPT_ASSIGN(ByteSpan magic, reader.take(4, "magic"));
  if (std::memcmp(magic.data(), "GGUF", 4) != 0)
    return badInput(reader.name(), ": at byte 0: is not a GGUF file");
  QOPT_ASSIGN(uint32_t version, reader.read<uint32_t>("version"));
  if (version == __builtin_bswap32(2) || version == __builtin_bswap32(3))
    return badInput(reader.name(), ": at byte 4: is a big-endian GGUF file; "
                                   "only little-endian ones are read");
  if (version != 2 && version != 3)
    return badInput(reader.name(), ": at byte 4: GGUF version ", version,
                    "; 2 and 3 are read");
  return {};
}

/// Checks that each tensor follows the one before it and lies in the file, and
/// makes offsets absolute.
Status placeTensors(const std::string &file, GgufHeader &header, uint64_t start,
                    uint64_t size) {
  uint64_t expected = 0;
  for (GgufTensor &tensor : header.tensors) {
    if (tensor.offset != expected)
      return badInput(file, ": tensor ", quote(tensor.name), " is at offset ",
                      tensor.offset, " of the data, but ", expected,
                      " follows from the tensors before it");
    std::optional<uint64_t> begin = checkedAdd(start, tensor.offset), end;
    if (begin)
      end = checkedAdd(*begin, tensor.bytes);
    if (!end || *end > size)
      return badInput(file, ": tensor ", quote(tensor.name), " of ",
                      tensor.bytes, " bytes at offset ", tensor.offset,
                      " of the data does not fit the file of ", size, " bytes");
    expected = alignUp(tensor.offset + tensor.bytes, header.alignment);
    tensor.offset = *begin;
  }
  return {};
}
} // namespace

Result<GgufHeader> qopt::parseGguf(ByteSpan bytes, const std::string &file) {
  ByteReader reader(bytes, file);
  QOPT_CHECK(readStart(reader));
  QOPT_ASSIGN(uint64_t tensors, readCount(reader, "tensor count", leastTensor));
  QOPT_ASSIGN(uint64_t keys, readCount(reader, "key count", leastKey));
  GgufHeader header;
  header.metadata.setFile(file);
  for (uint64_t i = 0; i < keys; ++i)
    QOPT_CHECK(detail::readGgufKey(reader, header.metadata));
  QOPT_ASSIGN(header.alignment, detail::ggufAlignment(header.metadata));

  std::unordered_set<std::string_view> names;
  for (uint64_t i = 0; i < tensors; ++i) {
    QOPT_ASSIGN(GgufTensor tensor, readTensor(reader));
    header.tensors.push_back(std::move(tensor));
  }
  for (const GgufTensor &tensor : header.tensors)
    if (!names.insert(tensor.name).second)
      return badInput(file, ": tensor ", quote(tensor.name), " is there twice");
  uint64_t start = alignUp(reader.offset(), header.alignment);
  QOPT_CHECK(placeTensors(file, header, start, bytes.size()));
  return header;
}

Result<GgufFile> GgufFile::openPart(const std::string &path) {
  QOPT_ASSIGN(auto mapped, MappedFile::open(path));
  QOPT_CHECK(mapped->stillWhole());
  QOPT_ASSIGN(GgufHeader header, parseGguf(mapped->bytes(), path));
  return GgufFile(std::move(mapped), std::move(header));
}

GgufFile::GgufFile(std::shared_ptr<const MappedFile> file, GgufHeader parsed)
    : mapped{std::move(file)}, header(std::move(parsed)) {
  for (size_t i = 0; i < header.tensors.size(); ++i)
    byName.emplace(header.tensors[i].name, i);
}

const GgufTensor *GgufFile::find(std::string_view name) const {
  auto found = byName.find(std::string(name));
  return found == byName.end() ? nullptr : &header.tensors[found->second];
}
