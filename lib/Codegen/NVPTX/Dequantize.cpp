//===- Dequantize.cpp - 4-bit codes to pairs of floats -------------------===//
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
  return VectorType::get(2, type == ActivationType::F16
                                ? Type(b.getF16Type())
                                : Type(b.getBF16Type()));
}

Value Dequantizer::splat(double value) {
  FloatAttr element = b.getFloatAttr(pairType().getElementType(), value);
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(pairType(), element.getValue()));
}

Dequantizer::Offset Dequantizer::constantOffset(int zero) {
  if (type == ActivationType::BF16)
    return {splat(-(128 + zero)), splat(-(128 + zero))};
  return {splat(-(1024 + zero)), splat(-(64 + zero))};
}

Dequantizer::Offset Dequantizer::loadedOffset(Value zeros, Value first) {
  // Bytes 0 to 3 are the zero points; byte 4 is the exponent with a sign.
  Value exponent = b.i32(type == ActivationType::F16 ? 0xe4 : 0xc3);
  auto negative = [&](int64_t row) {
    Value selector = b.add(b.mul(first, 0x0101), 0x4040 + row * 0x0101);
    return b.bitcast(pairType(), NVVM::PermuteOp::create(
                                     b, b.getI32Type(), zeros, exponent,
                                     selector, NVVM::PermuteMode::DEFAULT));
  };
  Value low = negative(0), high = negative(1);
  if (type == ActivationType::F16)
    high = arith::AddFOp::create(b, high, splat(1024 - 64));
  return {low, high};
}

Value Dequantizer::maskedWithExponent(Value word, uint32_t mask) {
  // 0xea is the truth table of (a & b) | c.
  std::string code = "lop3.b32 $0, $1, 0x" + llvm::utohexstr(mask) + ", 0x" +
                     (type == ActivationType::F16 ? "64006400" : "43004300") +
                     ", 0xea;";
  return b.purePtx(b.getI32Type(), code, "=r,r", word);
}

std::array<Value, 4> Dequantizer::fragment(Value word, const Offset &offset) {
  std::array<Value, 4> result;
  for (int i = 0; i < 4; ++i) {
    bool row8 = i % 2 == 1;
    bool high = row8 && type == ActivationType::F16;
    Value shifted = b.shiftRight(word, high ? 4 * i - 4 : 4 * i);
    Value disguised = b.bitcast(
        pairType(), maskedWithExponent(shifted, high ? 0xf000f0 : 0xf000f));
    if (high)
      result[i] =
          LLVM::FMAOp::create(b, disguised, splat(1.0 / 16), offset.high);
    else
      result[i] =
          arith::AddFOp::create(b, disguised, row8 ? offset.high : offset.low);
  }
  return result;
}

static Value halves(KernelBuilder &b, Value word) {
  return b.bitcast(VectorType::get(2, b.getF16Type()), word);
}

std::array<Value, 2> Dequantizer::scales(Value word) {
  Value both = halves(b, word);
  std::array<Value, 2> result;
  for (int64_t h = 0; h < 2; ++h)
    result[h] = arith::ExtFOp::create(b, b.getF32Type(), b.element(both, h));
  return result;
}

std::array<Value, 2> Dequantizer::scalePairs(Value word) {
  Value both = halves(b, word);
  std::array<Value, 2> result;
  for (int64_t h = 0; h < 2; ++h)
    result[h] = vector::ShuffleOp::create(b, both, both, {h, h});
  return result;
}
