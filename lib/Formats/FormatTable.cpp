//===- FormatTable.cpp - one row per GGUF type ----------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/FormatTable.h"
#include "Blocks.h"
#include "qopt/Formats/DType.h"

#include <array>

using namespace qopt;

namespace {
template <DType dtype>
void decodePlain(const uint8_t *source, float *target, int64_t count) {
  decodeToF32(dtype, source, target, count);
}
template <DType dtype>
void encodePlain(const float *source, const float *, uint8_t *target,
                 int64_t rows, int64_t columns) {
  encodeFromF32(dtype, source, target, rows * columns);
}

template <DType dtype>
FormatRow plain(GgufType type, std::string_view name,
                std::string_view ggmlName) {
  return {type,
          name,
          ggmlName,
          1,
          byteSize(dtype),
          false,
          decodePlain<dtype>,
          encodePlain<dtype>};
}

using Table = std::array<FormatRow, 18>;
} // namespace

std::span<const FormatRow> qopt::formatTable() {
  static const Table table = {
      plain<DType::F32>(GgufType::F32, "f32", "F32"),
      plain<DType::F16>(GgufType::F16, "f16", "F16"),
      plain<DType::BF16>(GgufType::BF16, "bf16", "BF16"),
      detail::rowQ8_0,
      detail::rowQ4_0,
      detail::rowQ4_1,
      detail::rowQ5_0,
      detail::rowQ5_1,
      detail::rowQ2_K,
      detail::rowQ3_K,
      detail::rowQ4_K,
      detail::rowQ5_K,
      detail::rowQ6_K,
      detail::rowIQ4_NL,
      detail::rowIQ4_XS,
      detail::rowMXFP4,
      detail::rowTQ1_0,
      detail::rowTQ2_0,
  };
  return table;
}

const FormatRow *qopt::findFormat(GgufType type) {
  for (const FormatRow &row : formatTable())
    if (row.type == type)
      return &row;
  return nullptr;
}

const FormatRow *qopt::findFormat(std::string_view name) {
  for (const FormatRow &row : formatTable())
    if (row.name == name)
      return &row;
  return nullptr;
}
