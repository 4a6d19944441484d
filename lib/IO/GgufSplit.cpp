//===- GgufSplit.cpp - a model in several GGUF files ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Gguf.h"
#include "qopt/IO/TensorIndex.h"

#include <charconv>
#include <cstdio>
#include <filesystem>

using namespace qopt;
namespace fs = std::filesystem;

static constexpr std::string_view extension = ".gguf";

namespace {
/// NAME-00002-of-00003.gguf
struct PartName {
  std::string model; // NAME
  int64_t number, count;
};

/// What split.* of a file say.
struct PartKeys {
  uint64_t index, count;
  std::optional<uint64_t> tensors;
};
} // namespace

static std::string_view withoutExtension(std::string_view path) {
  if (path.ends_with(extension))
    path.remove_suffix(extension.size());
  return path;
}

std::string qopt::ggufPartName(const std::string &path, int64_t index,
                               int64_t count) {
  char suffix[48];
  std::snprintf(suffix, sizeof(suffix), "-%05lld-of-%05lld",
                (long long)index + 1, (long long)count);
  return std::string(withoutExtension(path)) + suffix + std::string(extension);
}

static std::optional<PartName> parsePartName(std::string_view name) {
  // -00002-of-00003.gguf
  constexpr size_t digits = 5, length = 1 + digits + 4 + digits;
  std::string_view stem = withoutExtension(name);
  if (stem.size() == name.size() || stem.size() < length)
    return std::nullopt;
  std::string_view suffix = stem.substr(stem.size() - length);
  auto number = [&](size_t at) -> int64_t {
    int64_t value = -1;
    const char *end = suffix.data() + at + digits;
    auto [stop, error] = std::from_chars(suffix.data() + at, end, value);
    return error == std::errc() && stop == end ? value : -1;
  };
  PartName part{std::string(stem.substr(0, stem.size() - length)), number(1),
                number(1 + digits + 4)};
  if (suffix[0] != '-' || suffix.substr(1 + digits, 4) != "-of-" ||
      part.number < 1 || part.count < part.number)
    return std::nullopt;
  return part;
}

/// Nothing if the file is not a part.
static Result<std::optional<PartKeys>> readKeys(const GgufFile &file) {
  const GgufMetadata &metadata = file.metadata();
  PartKeys keys{};
  QOPT_ASSIGN(keys.count, metadata.getUnsigned("split.count", uint64_t(0)));
  if (keys.count <= 1)
    return std::optional<PartKeys>();
  QOPT_ASSIGN(keys.index, metadata.getUnsigned("split.no"));
  if (keys.index >= keys.count)
    return badInput(file.file().path(), ": split.no is ", keys.index, " of ",
                    keys.count, " parts");
  if (metadata.contains("split.tensors.count")) {
    QOPT_ASSIGN(keys.tensors, metadata.getUnsigned("split.tensors.count"));
  }
  return std::optional(keys);
}

Status GgufFile::append(GgufFile part) {
  size_t index = mapped.size();
  const std::string &path = part.file().path();
  mapped.push_back(part.mapped.front());
  for (GgufTensor &tensor : part.header.tensors) {
    tensor.part = index;
    if (!byName.emplace(tensor.name, header.tensors.size()).second)
      return badInput(path, ": tensor ", quote(tensor.name),
                      " is in another part of the model, too");
    header.tensors.push_back(std::move(tensor));
  }
  return {};
}

Result<GgufFile> GgufFile::open(const std::string &path) {
  QOPT_ASSIGN(GgufFile given, openPart(path));
  QOPT_ASSIGN(std::optional<PartKeys> keys, readKeys(given));
  if (!keys)
    return given;
  fs::path place(path);
  std::optional<PartName> name = parsePartName(place.filename().string());
  if (!name || uint64_t(name->count) != keys->count ||
      uint64_t(name->number) != keys->index + 1)
    return badInput(path, ": is part ", keys->index + 1, " of ", keys->count,
                    " of a model, and must be called ",
                    ggufPartName("NAME.gguf", keys->index, keys->count),
                    ", like the other parts, to be found together with them");

  std::string directory = place.parent_path().string();
  std::optional<GgufFile> model;
  for (int64_t i = 0; i < name->count; ++i) {
    std::string member = ggufPartName(name->model, i, name->count);
    QOPT_ASSIGN(std::string where,
                checkpointMember(directory.empty() ? "." : directory, member));
    if (directory.empty())
      where = member;
    QOPT_ASSIGN(GgufFile part, openPart(where));
    QOPT_ASSIGN(std::optional<PartKeys> own, readKeys(part));
    if (!own || own->index != uint64_t(i) || own->count != keys->count)
      return badInput(where, ": does not say that it is part ", i + 1, " of ",
                      keys->count, " (split.no, split.count)");
    if (!model)
      model = std::move(part);
    else
      QOPT_CHECK(model->append(std::move(part)));
  }
  if (keys->tensors && *keys->tensors != model->tensors().size())
    return badInput(path, ": the parts of the model hold ",
                    model->tensors().size(),
                    " tensors, but split.tensors.count is ", *keys->tensors);
  return std::move(*model);
}
