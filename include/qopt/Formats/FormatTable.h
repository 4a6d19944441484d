//===- FormatTable.h - one row per GGUF type --------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Everything that qopt knows about a GGUF tensor type stands in one row of this
// table; readers, writers, verifiers and quantizers only look things up. Block
// layouts follow ggml-common.h, arithmetic follows ggml_quantize_chunk.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_FORMATTABLE_H
#define QOPT_FORMATS_FORMATTABLE_H

#include <cstdint>
#include <span>
#include <string_view>

namespace qopt {

/// Type ids as stored in a GGUF file (enum ggml_type).
enum class GgufType : uint32_t {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q8_0 = 8,
  BF16 = 30,
};

struct FormatRow {
  GgufType type;
  std::string_view name;     // lower case, as in IR and flags: "q4_0"
  std::string_view ggmlName; // as llama.cpp prints it: "Q4_0"
  int64_t blockElements;     // weights of a block: divides the row length
  int64_t blockBytes;
  bool quantized; // false for plain floats
  /// Decodes `count` weights (a multiple of blockElements) to f32.
  void (*decode)(const uint8_t *source, float *target, int64_t count);
  /// Encodes `count` weights of one row (a multiple of blockElements) in f32
  /// arithmetic without FMA, bit-identical to ggml_quantize_chunk without an
  /// importance matrix for every finite input. `importance`, one weight per
  /// column, may be null; F32, F16, BF16, Q8_0, Q4_0 and Q4_1 ignore it.
  ///
  /// Never fails, on no input. A NaN does not influence the scale and gets the
  /// code of the smallest stored integer or 0; an infinite weight, or one whose
  /// scale overflows f16, makes its whole block decode to infinities and NaN.
  /// Whoever quantizes strangers' weights checks that they are finite first. A
  /// block whose scale underflows f16 decodes to zeros (Q4_1: its minimum).
  void (*encode)(const float *source, const float *importance, uint8_t *target,
                 int64_t count);

  int64_t rowBytes(int64_t columns) const {
    return columns / blockElements * blockBytes;
  }
};

std::span<const FormatRow> formatTable();
/// Null if there is no such row.
const FormatRow *findFormat(GgufType type);
const FormatRow *findFormat(std::string_view name);

} // namespace qopt

#endif // QOPT_FORMATS_FORMATTABLE_H
