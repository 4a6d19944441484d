//===- Dequantize.h - codes to pairs of floats ------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A float whose exponent makes the last mantissa bit worth 1 is an integer in
// disguise: 0x6400 | q is the f16 1024 + q, 0x4300 | q is the bf16 128 + q. One
// lop3 masks a bit plane of a code out of each half of a word and puts the
// exponent on, one for each further plane adds its bits, and one packed
// addition of -(1024 + z) or -(128 + z) leaves q - z, exactly. A code that
// stands `base` bits higher is 1024 + 2^base q in f16, and a packed fma with
// 2^-base leaves the same: this saves shifts. bf16 has too few mantissa bits
// for it, and for codes of eight bits, which come as two of four:
//
//     q - z = 16 ((128 + q / 16) - 136) + ((128 + q % 16) - z)
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

  Dequantizer(KernelBuilder &b, const LinearSpec &spec)
      : b(b), type(spec.activation), zero(spec.hierarchy().zero),
        bits(spec.hierarchy().bits), planes(spec.weight.planes()) {}

  /// f16x2 or bf16x2.
  mlir::VectorType pairType();
  Value splat(double value);

  /// What is added to the disguised codes of each A register, in both halves.
  using Offsets = std::array<Value, 4>;
  /// For the zero point that the scheme has.
  Offsets constantOffsets();
  /// Bytes 0 and 1 of a word are the zero points of rows g and g + 8.
  Offsets loadedOffsets(Value zeros);

  /// A lane's words of a tile of 64 columns in shared memory, plane by plane.
  using CodeWords = mlir::SmallVector<Value, 8>;
  CodeWords loadCodes(Value tileAddress, Value lane);
  /// q - z: the A registers of mma number `step` of the tile (MmaLayout).
  std::array<Value, 4> fragment(const CodeWords &codes, int64_t step,
                                const Offsets &offsets);

private:
  bool isF16() const { return type == ActivationType::F16; }
  /// By how many bits codes of register i stand too high.
  int base(int i) const { return isF16() ? planes[0].bit(i) % 8 : 0; }
  bool isWideInBF16() const { return !isF16() && bits > 7; }
  /// (word >> shift & mask in each half) | rest; the exponent if no rest is
  /// given.
  Value extract(Value word, int shift, uint32_t mask, Value rest = nullptr);
  Value wideBF16(Value word, int shift, Value offset);

  KernelBuilder &b;
  ActivationType type;
  int zero, bits;
  std::vector<MmaPlane> planes;
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_DEQUANTIZE_H
