//===- FormatTable.cpp - one row per GGUF type ----------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/FormatTable.h"
#include "Blocks.h"
#include "qopt/Formats/DType.h"

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
} // namespace

#define QOPT_ROW(set, format) detail::set::row##format,
#define QOPT_TABLE(set)                                                        \
  {plain<DType::F32>(GgufType::F32, "f32", "F32"),                             \
   plain<DType::F16>(GgufType::F16, "f16", "F16"),                             \
   plain<DType::BF16>(GgufType::BF16, "bf16", "BF16"),                         \
   QOPT_BLOCK_FORMATS(QOPT_ROW, set)}

std::span<const FormatRow> qopt::formatTable(Isa isa) {
#ifdef QOPT_X86_CODECS
  static const FormatRow avx512[] = QOPT_TABLE(avx512);
  static const FormatRow avx2[] = QOPT_TABLE(avx2);
  if (isa == Isa::Avx512)
    return avx512;
  if (isa == Isa::Avx2)
    return avx2;
#endif
  static const FormatRow baseline[] = QOPT_TABLE(baseline);
  return baseline;
}

std::span<const FormatRow> qopt::formatTable() {
  static const std::span<const FormatRow> table = formatTable(detectIsa());
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
