//===- Words.h - codes in 32-bit words --------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_WORDS_H
#define QOPT_FORMATS_WORDS_H

#include "qopt/Formats/DType.h"

#include <cstdint>
#include <span>

namespace qopt {

/// How b-bit codes fill 32-bit words, low bits first.
enum class WordFill : uint8_t {
  Dense, // a code may straddle two words
  Whole, // a word holds ⌊32/b⌋ codes; what is left of it is 0
};

/// Words that hold `count` codes.
int64_t wordCount(WordFill fill, int bits, int64_t count);
/// Writes wordCount words, `stride` words apart, at `target` (any alignment).
void packWords(WordFill fill, int bits, std::span<const uint8_t> codes,
               uint8_t *target, int64_t stride = 1);
/// The inverse.
void unpackWords(WordFill fill, int bits, const uint8_t *source,
                 std::span<uint8_t> codes, int64_t stride = 1);

/// target[c, r] = source[r, c] for elements of 2 or 4 bytes (any alignment).
void transposeElements(int elementBytes, const uint8_t *source, int64_t rows,
                       int64_t columns, uint8_t *target);

/// Scales as a file has them to f16 and back. F16 is copied; BF16 and F32 are
/// rounded to nearest even on the way to f16.
void scalesToF16(DType type, const uint8_t *source, int64_t count,
                 uint8_t *target);
void scalesFromF16(DType type, const uint8_t *source, int64_t count,
                   uint8_t *target);

} // namespace qopt

#endif // QOPT_FORMATS_WORDS_H
