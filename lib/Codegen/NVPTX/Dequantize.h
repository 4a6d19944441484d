//===- Dequantize.h - 4-bit codes to pairs of floats ------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A float whose exponent makes the last mantissa bit worth 1 is an integer in
// disguise: 0x6400 | q is the f16 1024 + q, 0x4300 | q is the bf16 128 + q. One
// lop3 masks a code out of each half of a word and puts the exponent on; one
// packed addition of -(1024 + z) or -(128 + z) leaves q - z, exactly. A code
// that stands four bits higher is 1024 + 16 q in f16, and a packed fma with
// 1/16 and -(64 + z) leaves the same; bf16 has too few mantissa bits for this
// and shifts instead.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_DEQUANTIZE_H
#define QOPT_LIB_CODEGEN_NVPTX_DEQUANTIZE_H

#include "KernelBuilder.h"
#include "qopt/Codegen/NVPTX/KernelSpec.h"

#include <array>

namespace qopt::nvptx {

class Dequantizer {
public:
  using Value = mlir::Value;

  Dequantizer(KernelBuilder &b, ActivationType type) : b(b), type(type) {}

  /// f16x2 or bf16x2.
  mlir::VectorType pairType();

  /// What is added to the disguised codes of rows g and g + 8, in both halves.
  /// Those of row g + 8 stand four bits higher.
  struct Offset {
    Value low;  // row g: -(1024 + z), or -(128 + z) for bf16
    Value high; // row g + 8: -(64 + z), or -(128 + z) for bf16
  };
  Offset constantOffset(int zero);
  /// From the bytes `first` (an i32, 0 or 2) and `first` + 1 of a word of zero
  /// points.
  Offset loadedOffset(Value zeros, Value first);

  /// q - z of a lane's word: the four A registers of an mma (see MmaLayout).
  std::array<Value, 4> fragment(Value word, const Offset &offset);

  /// From the word of the scales of rows g and g + 8: as f32, or as pairs of
  /// the same f16.
  std::array<Value, 2> scales(Value word);
  std::array<Value, 2> scalePairs(Value word);

private:
  Value splat(double value);
  Value maskedWithExponent(Value word, uint32_t mask);
  KernelBuilder &b;
  ActivationType type;
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_DEQUANTIZE_H
