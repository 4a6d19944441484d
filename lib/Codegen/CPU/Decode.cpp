//===- Decode.cpp - emission: vectors of codes to vectors of f32 ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Decode.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

/// 2^23: its low 23 bits hold an integer as it stands.
static constexpr int32_t integerCarrier = 0x4b000000;

//===----------------------------------------------------------------------===//
// DecodePlan
//===----------------------------------------------------------------------===//

/// Places above bit 16 are not used, so that any field ends below bit 23.
static int placesInUse(const std::vector<BitPlane> &planes, int chains) {
  return planes.size() > 1 ? 1 : std::min(chains, 16 / planes.front().width);
}

DecodePlan::DecodePlan(const AffineHierarchy &hierarchy, int chains)
    : chains(chains), planes(bitPlanes(hierarchy.bits)),
      nonlinear(hierarchy.values != nullptr) {}

int DecodePlan::chain(int column) const {
  if (nonlinear || planes.size() > 1)
    return column % chains;
  return planes.front().shift(column) / planes.front().width % chains;
}

int DecodePlan::exponent(int chain) const {
  if (nonlinear)
    return 0;
  return chain % placesInUse(planes, chains) * planes.front().width;
}

//===----------------------------------------------------------------------===//
// ChunkDecoder
//===----------------------------------------------------------------------===//

Value ChunkDecoder::dword(int dword, int shift) {
  Value &value = dwords[{dword, shift}];
  if (!value)
    value = v.shift(codes.dword(dword), shift);
  return value;
}

Value ChunkDecoder::bitsOf(int column) {
  if (plan.nonlinear) {
    Value values = codes.codes(column / 4);
    return v.andBits(v.shift(values, column % 4 * 8), v.splat(255));
  }
  Value code;
  for (const BitPlane &plane : plan.planes) {
    // A field goes to the bit that it has in the code, above the place.
    int place = plan.place(column) + plane.firstBit;
    int shift = plane.shift(column) - place;
    Value bits = dword(plane.dword(column), std::max(shift, 0));
    bits = v.shift(bits, std::min(shift, 0));
    bits = v.andBits(bits, v.splat(int32_t((1 << plane.width) - 1) << place));
    code = code ? v.orBits(code, bits) : bits;
  }
  return code;
}

Value ChunkDecoder::column(int column) {
  Value carried = v.orBits(bitsOf(column), v.splat(integerCarrier));
  return arith::SubFOp::create(v.b,
                               arith::BitcastOp::create(v.b, v.floats, carried),
                               offsets[plan.chain(column)]);
}

//===----------------------------------------------------------------------===//
// Per-group vectors and arithmetic
//===----------------------------------------------------------------------===//

VectorBuilder::Values qopt::cpu::emitOffsets(VectorBuilder &v,
                                             const DecodePlan &plan,
                                             const AffineHierarchy &hierarchy,
                                             Value zeros) {
  VectorBuilder::Values offsets;
  const int32_t zero = hierarchy.values ? 128 : hierarchy.zero;
  for (int chain = 0; chain < plan.chains; ++chain) {
    const int exponent = plan.exponent(chain);
    Value offset =
        zeros ? v.orBits(v.shift(zeros, -exponent), v.splat(integerCarrier))
              : v.splat(integerCarrier + (zero << exponent));
    offsets.push_back(arith::BitcastOp::create(v.b, v.floats, offset));
  }
  return offsets;
}

Value qopt::cpu::emitHalfToFloat(ImplicitLocOpBuilder &b,
                                 const CpuTarget &target, Value halves) {
  auto like = cast<VectorType>(halves.getType());
  auto floats = like.clone(b.getF32Type()), words = like.clone(b.getI32Type());
  if (!target.isX86() || target.has("f16c"))
    return arith::ExtFOp::create(b, floats, halves);
  auto splat = [&](uint32_t value) -> Value {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(words, APInt(32, value)));
  };
  auto asFloat = [&](Value bits) -> Value {
    return arith::BitcastOp::create(b, floats, bits);
  };
  // As f16ToF32 in qopt/Formats/Half.h: 2^112 rebias in floating point also
  // normalises subnormals; infinities and NaNs keep all exponent bits.
  Value bits = arith::ExtUIOp::create(
      b, words,
      arith::BitcastOp::create(b, like.clone(b.getI16Type()), halves));
  Value magnitude = arith::AndIOp::create(b, bits, splat(0x7fff));
  Value sign = arith::ShLIOp::create(
      b, arith::AndIOp::create(b, bits, splat(0x8000)), splat(16));
  Value shifted = arith::ShLIOp::create(b, magnitude, splat(13));
  Value finite = arith::MulFOp::create(b, asFloat(shifted),
                                       asFloat(splat(0x77800000))); // 2^112
  Value special = arith::OrIOp::create(b, shifted, splat(0x7f800000));
  Value isSpecial = arith::CmpIOp::create(b, arith::CmpIPredicate::uge,
                                          magnitude, splat(0x7c00));
  Value unsignedBits = arith::SelectOp::create(
      b, isSpecial, special, arith::BitcastOp::create(b, words, finite));
  return asFloat(arith::OrIOp::create(b, sign, unsignedBits));
}
