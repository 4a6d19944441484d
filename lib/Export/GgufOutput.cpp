//===- GgufOutput.cpp - the file or files of a model ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GgufOutput.h"

#include <algorithm>

using namespace qopt;
using namespace qopt::detail;

static int64_t byteCount(const GgufDeclaration &tensor) {
  int64_t rows = 1;
  for (size_t i = 1; i < tensor.dims.size(); ++i)
    rows *= tensor.dims[i];
  return rows * findFormat(tensor.type)->rowBytes(tensor.dims[0]);
}

/// The part of each tensor: that in which its middle byte falls if all bytes
/// are dealt out evenly.
static std::vector<size_t> deal(const std::vector<GgufDeclaration> &tensors,
                                int64_t parts) {
  double total = 0, before = 0;
  for (const GgufDeclaration &tensor : tensors)
    total += byteCount(tensor);
  std::vector<size_t> result;
  for (const GgufDeclaration &tensor : tensors) {
    double middle = before + byteCount(tensor) / 2.0;
    before += byteCount(tensor);
    result.push_back(std::min<size_t>(parts - 1, middle / total * parts));
  }
  return result;
}

/// Tells readers which part a file is.
static void setPart(GgufMetadata &metadata, size_t part, int64_t parts,
                    size_t tensors) {
  metadata.set("split.no", {false, GgufValueType::U16, uint64_t(part)});
  metadata.set("split.count", {false, GgufValueType::U16, uint64_t(parts)});
  metadata.setI32("split.tensors.count", int32_t(tensors));
}

Result<GgufOutput>
GgufOutput::create(const std::string &path, const GgufMetadata &metadata,
                   const std::vector<GgufDeclaration> &tensors, int64_t parts,
                   bool overwrite) {
  GgufOutput output;
  std::vector<size_t> partOf = deal(tensors, parts);
  std::vector<std::vector<GgufDeclaration>> declared(parts);
  for (size_t i = 0; i < tensors.size(); ++i) {
    declared[partOf[i]].push_back(tensors[i]);
    output.places.push_back({partOf[i], tensors[i].name});
  }
  for (int64_t part = 0; part < parts; ++part) {
    GgufMetadata own = part == 0 ? metadata : GgufMetadata();
    if (parts > 1)
      setPart(own, part, parts, tensors.size());
    QOPT_ASSIGN(
        GgufWriter writer,
        GgufWriter::create(parts > 1 ? ggufPartName(path, part, parts) : path,
                           own, declared[part], overwrite));
    output.writers.push_back(std::move(writer));
  }
  return output;
}

Status GgufOutput::write(size_t index, uint64_t offset, ByteSpan bytes) {
  const Place &place = places[index];
  return writers[place.part].writePart(place.name, offset, bytes);
}

Status GgufOutput::finish() {
  for (size_t part = writers.size(); part-- > 0;)
    QOPT_CHECK(writers[part].finish());
  return {};
}
