//===- Dequantize.cpp - codes to pairs of floats -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Dequantize.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

VectorType Dequantizer::pairType() {
  return VectorType::get(2, isF16() ? Type(b.getF16Type())
                                    : Type(b.getBF16Type()));
}

Value Dequantizer::splat(double value) {
  FloatAttr element = b.getFloatAttr(pairType().getElementType(), value);
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(pairType(), element.getValue()));
}

Dequantizer::Offsets Dequantizer::constantOffsets() {
  Offsets offsets;
  for (int i = 0; i < 4; ++i)
    offsets[i] = splat(isWideInBF16() ? -zero
                       : isF16()      ? -(std::ldexp(1024, -base(i)) + zero)
                                      : -(128 + zero));
  return offsets;
}

Dequantizer::Offsets Dequantizer::loadedOffsets(Value zeros) {
  // Byte 4 of the two words is the exponent with a sign.
  Value exponent = b.i32(isF16() ? 0xe4 : 0xc3);
  Offsets offsets;
  for (int i = 0; i < 4; ++i) {
    int row = i % 2;
    if (isWideInBF16()) {
      Value byte =
          arith::AndIOp::create(b, b.shiftRight(zeros, 8 * row), b.i32(0xff));
      Value z = arith::UIToFPOp::create(b, b.getF32Type(), byte);
      z = arith::TruncFOp::create(b, b.getBF16Type(),
                                  arith::NegFOp::create(b, z));
      offsets[i] = vector::BroadcastOp::create(b, pairType(), z);
      continue;
    }
    Value negative = NVVM::PermuteOp::create(b, b.getI32Type(), zeros, exponent,
                                             b.i32(0x4040 + row * 0x0101),
                                             NVVM::PermuteMode::DEFAULT);
    offsets[i] = b.bitcast(pairType(), negative);
    if (base(i))
      offsets[i] = arith::AddFOp::create(
          b, offsets[i], splat(1024 - std::ldexp(1024, -base(i))));
  }
  return offsets;
}

Dequantizer::CodeWords Dequantizer::loadCodes(Value tileAddress, Value lane) {
  CodeWords codes;
  for (const MmaPlane &plane : planes) {
    int64_t words = std::min(plane.width, 4); // side by side
    Value first = b.add(tileAddress, b.mul(lane, 4 * words));
    for (int64_t word = 0; word < plane.width; word += words) {
      Value address = b.add(first, plane.byte(0, word));
      Type type = b.getI32Type();
      if (words > 1)
        type = VectorType::get(words, type);
      Value loaded = b.loadShared(type, address, 4 * words);
      for (int64_t i = 0; i < words; ++i)
        codes.push_back(words > 1 ? b.element(loaded, i) : loaded);
    }
  }
  return codes;
}

Value Dequantizer::extract(Value word, int shift, uint32_t mask, Value rest) {
  if (shift < 0)
    word = arith::ShLIOp::create(b, word, b.i32(-shift));
  else
    word = b.shiftRight(word, shift);
  // 0xea is the truth table of (a & b) | c.
  std::string both = "0x" + llvm::utohexstr(mask << 16 | mask);
  if (rest)
    return b.purePtx(b.getI32Type(), "lop3.b32 $0, $1, " + both + ", $2, 0xea;",
                     "=r,r,r", {word, rest});
  std::string exponent = isF16() ? "0x64006400" : "0x43004300";
  return b.purePtx(b.getI32Type(),
                   "lop3.b32 $0, $1, " + both + ", " + exponent + ", 0xea;",
                   "=r,r", word);
}

Value Dequantizer::wideBF16(Value word, int shift, Value offset) {
  auto nibble = [&](int bit) {
    return b.bitcast(pairType(), extract(word, shift + bit, 0xf));
  };
  Value high = arith::AddFOp::create(b, nibble(4), splat(-136));
  Value low = arith::AddFOp::create(b, nibble(0), offset);
  return LLVM::FMAOp::create(b, high, splat(16), low);
}

std::array<Value, 4> Dequantizer::fragment(const CodeWords &codes, int64_t step,
                                           const Offsets &offsets) {
  std::array<Value, 4> result;
  for (int i = 0; i < 4; ++i) {
    int pair = 4 * step + i;
    if (isWideInBF16()) {
      result[i] = wideBF16(codes[planes[0].word(pair)], planes[0].bit(pair),
                           offsets[i]);
      continue;
    }
    Value disguised;
    int64_t first = 0; // of the plane's words
    auto join = [&](const MmaPlane &plane) {
      int place = base(i) + plane.firstBit;
      uint32_t mask = ((1u << plane.width) - 1) << place;
      disguised = extract(codes[first + plane.word(pair)],
                          plane.bit(pair) - place, mask, disguised);
      first += plane.width;
    };
    join(planes.front());
    for (const MmaPlane &plane : ArrayRef(planes).drop_front())
      join(plane);
    disguised = b.bitcast(pairType(), disguised);
    if (base(i))
      result[i] = LLVM::FMAOp::create(
          b, disguised, splat(std::ldexp(1, -base(i))), offsets[i]);
    else
      result[i] = arith::AddFOp::create(b, disguised, offsets[i]);
  }
  return result;
}
