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
    return {splat(-(128 + zero)), Value()};
  return {splat(-(1024 + zero)), splat(-(64 + zero))};
}

Dequantizer::Offset Dequantizer::loadedOffset(Value zeros, int64_t index) {
  // Bytes 0 to 3 are the zero points; byte 4 is the exponent with a sign.
  Value exponent = b.i32(type == ActivationType::F16 ? 0xe4 : 0xc3);
  Value selector = b.i32(0x4040 | index | index << 8);
  Value bits = NVVM::PermuteOp::create(b, b.getI32Type(), zeros, exponent,
                                       selector, NVVM::PermuteMode::DEFAULT);
  Value low = b.bitcast(pairType(), bits);
  if (type == ActivationType::BF16)
    return {low, Value()};
  return {low, arith::AddFOp::create(b, low, splat(1024 - 64))};
}

Value Dequantizer::maskedWithExponent(Value word, uint32_t mask) {
  // 0xea is the truth table of (a & b) | c.
  std::string code = "lop3.b32 $0, $1, 0x" + llvm::utohexstr(mask) + ", 0x" +
                     (type == ActivationType::F16 ? "64006400" : "43004300") +
                     ", 0xea;";
  return LLVM::InlineAsmOp::create(
             b, b.getI32Type(), ValueRange{word}, code, "=r,r",
             /*has_side_effects=*/false, /*is_align_stack=*/false,
             LLVM::TailCallKind::None,
             LLVM::AsmDialectAttr::get(b.getContext(),
                                       LLVM::AsmDialect::AD_ATT),
             ArrayAttr())
      .getResult(0);
}

std::array<Value, 4> Dequantizer::pairs(Value word, const Offset &offset) {
  std::array<Value, 4> result;
  for (int pair = 0; pair < 4; ++pair) {
    bool high = type == ActivationType::F16 && pair % 2 == 1;
    Value shifted = b.shiftRight(word, high ? 4 * pair - 4 : 4 * pair);
    Value disguised = b.bitcast(
        pairType(), maskedWithExponent(shifted, high ? 0xf000f0 : 0xf000f));
    result[pair] =
        high ? Value(LLVM::FMAOp::create(b, disguised, splat(1.0 / 16),
                                         offset.high))
             : Value(arith::AddFOp::create(b, disguised, offset.low));
  }
  return result;
}
