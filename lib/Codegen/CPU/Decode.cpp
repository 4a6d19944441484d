//===- Decode.cpp - emission: vectors of codes to vectors of f32 ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/CPU/Decode.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include <algorithm>

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

/// 2^23: its low 23 bits hold an integer as it stands.
static constexpr int32_t integerCarrier = 0x4b000000;

/// A vector constant shaped like `like`, every lane `value`.
static Value splat(ImplicitLocOpBuilder &b, Type like, int64_t value) {
  auto type =
      VectorType::get(cast<VectorType>(like).getShape(), b.getI32Type());
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, b.getI32IntegerAttr(value)));
}

static Value splat(ImplicitLocOpBuilder &b, Type like, float value) {
  auto type =
      VectorType::get(cast<VectorType>(like).getShape(), b.getF32Type());
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, b.getF32FloatAttr(value)));
}

/// The same vector with elements of another type, by bits or by value.
template <typename Op>
static Value cast(ImplicitLocOpBuilder &b, Value vector, Type element) {
  auto type = mlir::cast<VectorType>(vector.getType()).clone(element);
  return Op::create(b, type, vector);
}

//===----------------------------------------------------------------------===//
// DecodePlan
//===----------------------------------------------------------------------===//

/// Places above bit 16 are not used, so that any field ends below bit 23.
static int placesInUse(const std::vector<BitPlane> &planes, int chains) {
  return planes.size() > 1 ? 1 : std::min(chains, 16 / planes.front().width);
}

DecodePlan::DecodePlan(int bits, int chains)
    : chains(chains), planes(bitPlanes(bits)) {}

int DecodePlan::chain(int column) const {
  if (planes.size() > 1)
    return column % chains;
  return planes.front().shift(column) / planes.front().width % chains;
}

int DecodePlan::exponent(int chain) const {
  return chain % placesInUse(planes, chains) * planes.front().width;
}

//===----------------------------------------------------------------------===//
// ChunkDecoder
//===----------------------------------------------------------------------===//

Value ChunkDecoder::dword(int dword, int shift) {
  Value &value = dwords[{dword, shift}];
  if (value)
    return value;
  if (shift == 0)
    return value = load(dword);
  Value whole = this->dword(dword, 0);
  Value shifted = arith::ShRUIOp::create(
      builder, whole, splat(builder, whole.getType(), int64_t(shift)));
  return dwords[{dword, shift}] = shifted; // the recursion may have rehashed
}

Value ChunkDecoder::column(int column) {
  Value code;
  for (const BitPlane &plane : plan.planes) {
    // A field goes to the bit that it has in the code, above the place.
    int place = plan.place(column) + plane.firstBit;
    int shift = plane.shift(column) - place;
    Value bits = dword(plane.dword(column), std::max(shift, 0));
    if (shift < 0)
      bits = arith::ShLIOp::create(
          builder, bits, splat(builder, bits.getType(), int64_t(-shift)));
    int64_t mask = int64_t((1 << plane.width) - 1) << place;
    bits = arith::AndIOp::create(builder, bits,
                                 splat(builder, bits.getType(), mask));
    code = code ? arith::OrIOp::create(builder, code, bits) : bits;
  }
  Value carried = arith::OrIOp::create(
      builder, code, splat(builder, code.getType(), int64_t(integerCarrier)));
  return arith::SubFOp::create(
      builder, cast<arith::BitcastOp>(builder, carried, builder.getF32Type()),
      offsets[plan.chain(column)]);
}

//===----------------------------------------------------------------------===//
// Per-group vectors and arithmetic
//===----------------------------------------------------------------------===//

SmallVector<Value> qopt::cpu::emitOffsets(ImplicitLocOpBuilder &builder,
                                          const DecodePlan &plan,
                                          const InterleavedLayout &layout,
                                          Value zeros) {
  SmallVector<Value> offsets;
  for (int chain = 0; chain < plan.chains; ++chain) {
    int exponent = plan.exponent(chain);
    Value offset;
    if (zeros) {
      Value codes = cast<arith::ExtUIOp>(builder, zeros, builder.getI32Type());
      Value placed = arith::ShLIOp::create(
          builder, codes, splat(builder, codes.getType(), int64_t(exponent)));
      offset = arith::OrIOp::create(
          builder, placed,
          splat(builder, codes.getType(), int64_t(integerCarrier)));
    } else {
      auto lanes = VectorType::get({layout.blockRows}, builder.getI32Type());
      offset = splat(builder, lanes,
                     integerCarrier +
                         (int64_t(layout.scheme.symmetricZero()) << exponent));
    }
    offsets.push_back(
        cast<arith::BitcastOp>(builder, offset, builder.getF32Type()));
  }
  return offsets;
}

Value qopt::cpu::emitHalfToFloat(ImplicitLocOpBuilder &b,
                                 const CpuTarget &target, Value halves) {
  if (!target.isX86() || target.has("f16c"))
    return cast<arith::ExtFOp>(b, halves, b.getF32Type());
  // As f16ToF32 in qopt/Formats/Half.h: 2^112 rebias in floating point also
  // normalises subnormals; infinities and NaNs keep all exponent bits.
  Value bits = cast<arith::ExtUIOp>(
      b, cast<arith::BitcastOp>(b, halves, b.getI16Type()), b.getI32Type());
  Type type = bits.getType();
  Value magnitude =
      arith::AndIOp::create(b, bits, splat(b, type, int64_t(0x7fff)));
  Value sign = arith::ShLIOp::create(
      b, arith::AndIOp::create(b, bits, splat(b, type, int64_t(0x8000))),
      splat(b, type, int64_t(16)));
  Value shifted =
      arith::ShLIOp::create(b, magnitude, splat(b, type, int64_t(13)));
  Value finite = arith::MulFOp::create(
      b, cast<arith::BitcastOp>(b, shifted, b.getF32Type()),
      splat(b, type, 0x1p112f));
  Value special =
      arith::OrIOp::create(b, shifted, splat(b, type, int64_t(0x7f800000)));
  Value isSpecial = arith::CmpIOp::create(
      b, arith::CmpIPredicate::uge, magnitude, splat(b, type, int64_t(0x7c00)));
  Value unsignedBits = arith::SelectOp::create(
      b, isSpecial, special, cast<arith::BitcastOp>(b, finite, b.getI32Type()));
  return cast<arith::BitcastOp>(b, arith::OrIOp::create(b, sign, unsignedBits),
                                b.getF32Type());
}
