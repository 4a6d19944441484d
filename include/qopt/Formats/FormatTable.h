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

#include "qopt/Support/Isa.h"

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
  Q5_0 = 6,
  Q5_1 = 7,
  Q8_0 = 8,
  Q2_K = 10,
  Q3_K = 11,
  Q4_K = 12,
  Q5_K = 13,
  Q6_K = 14,
  IQ4_NL = 20,
  IQ4_XS = 23,
  BF16 = 30,
  TQ1_0 = 34,
  TQ2_0 = 35,
  MXFP4 = 39,
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
  /// Encodes a matrix of `rows` rows of `columns` weights (a multiple of
  /// blockElements), in f32 arithmetic without FMA: bit-identical to
  /// ggml_quantize_chunk for every input for which that is defined.
  /// `importance`, one weight per column, ≥ 0, may be null; F32, F16, BF16,
  /// Q8_0, MXFP4, TQ1_0 and TQ2_0 ignore it. Several rows at once are faster
  /// than one after another where rows are short.
  ///
  /// Never fails, on no input, and does the same everywhere. Where a block
  /// holds a NaN, an infinity or weights whose squares or scale overflow, its
  /// codes mean nothing, and the other blocks of the row are untouched (with
  /// importance in Q4_0, Q4_1, Q5_0 and Q5_1: the row). Whoever quantizes
  /// strangers' weights checks that they are finite first. A block whose scale
  /// underflows f16 decodes to zeros (Q4_1, Q5_1: to its minimum).
  void (*encodeRows)(const float *source, const float *importance,
                     uint8_t *target, int64_t rows, int64_t columns);

  /// Encodes one row.
  void encode(const float *source, const float *importance, uint8_t *target,
              int64_t columns) const {
    encodeRows(source, importance, target, 1, columns);
  }
  int64_t rowBytes(int64_t columns) const {
    return columns / blockElements * blockBytes;
  }
};

std::span<const FormatRow> formatTable();
/// The rows with the code for one supported instruction set. formatTable() has
/// the fastest; all give the same bits.
std::span<const FormatRow> formatTable(Isa isa);
/// Null if there is no such row.
const FormatRow *findFormat(GgufType type);
const FormatRow *findFormat(std::string_view name);

} // namespace qopt

#endif // QOPT_FORMATS_FORMATTABLE_H
