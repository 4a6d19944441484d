//===- GgufElement.cpp - decoding of GGUF blocks in arith ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// For each type the arithmetic of its `decode` in lib/Formats, written over
// values that are not known yet. Comments there say which bit lies where.
//
//===----------------------------------------------------------------------===//
#include "WeightElement.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace qopt;

namespace {

/// An i32 that is emitted as it is computed. Division rounds down: nothing
/// here is negative but the results of subtractions.
struct Number {
  ImplicitLocOpBuilder *builder;
  Value value;

  Number operator()(int64_t constant) const {
    return {builder, arith::ConstantIntOp::create(
                         *builder, builder->getI32Type(), constant)};
  }
  template <typename Op> Number apply(Number other) const {
    return {builder, Op::create(*builder, value, other.value)};
  }
  template <typename Op> Number apply(int64_t other) const {
    return apply<Op>((*this)(other));
  }
};

#define QOPT_OPERATOR(symbol, Op)                                              \
  template <typename Other> Number operator symbol(Number a, Other b) {        \
    return a.apply<Op>(b);                                                     \
  }
QOPT_OPERATOR(+, arith::AddIOp)
QOPT_OPERATOR(-, arith::SubIOp)
QOPT_OPERATOR(*, arith::MulIOp)
QOPT_OPERATOR(/, arith::DivUIOp)
QOPT_OPERATOR(%, arith::RemUIOp)
QOPT_OPERATOR(&, arith::AndIOp)
QOPT_OPERATOR(|, arith::OrIOp)
QOPT_OPERATOR(>>, arith::ShRUIOp)
QOPT_OPERATOR(<<, arith::ShLIOp)
#undef QOPT_OPERATOR

/// An f32, likewise.
struct Real {
  ImplicitLocOpBuilder *builder;
  Value value;

  Real operator*(Real other) const {
    return {builder, arith::MulFOp::create(*builder, value, other.value)};
  }
  Real operator+(Real other) const {
    return {builder, arith::AddFOp::create(*builder, value, other.value)};
  }
  Real operator-(Real other) const {
    return {builder, arith::SubFOp::create(*builder, value, other.value)};
  }
};

Real real(Number number) {
  return {number.builder,
          arith::SIToFPOp::create(*number.builder, number.builder->getF32Type(),
                                  number.value)};
}

/// condition ? a : b, both of which are computed.
Number select(Number a, arith::CmpIPredicate is, int64_t than, Number yes,
              Number no) {
  Value condition =
      arith::CmpIOp::create(*a.builder, is, a.value, a(than).value);
  return {a.builder,
          arith::SelectOp::create(*a.builder, condition, yes.value, no.value)};
}

/// One weight of one block.
class GgufBlock {
public:
  /// Weight k of row n.
  GgufBlock(ImplicitLocOpBuilder &b, const FormatRow &format, Value blocks,
            Value values, Value n, Value k)
      : b(&b), blocks(blocks), values(values), row(n),
        i{&b, arith::IndexCastOp::create(b, b.getI32Type(), k)},
        start(i / format.blockElements * format.blockBytes) {
    i = i % format.blockElements;
  }

  Real decode(GgufType type) const;

private:
  Number number(int64_t constant) const { return i(constant); }
  Value rawByte(Number offset) const {
    Value index = arith::IndexCastOp::create(*b, b->getIndexType(),
                                             (start + offset).value);
    return tensor::ExtractOp::create(*b, blocks, ValueRange{row, index});
  }
  Number byte(Number offset) const {
    return {b, arith::ExtUIOp::create(*b, b->getI32Type(), rawByte(offset))};
  }
  Number byte(int64_t offset) const { return byte(number(offset)); }
  Number signedByte(Number offset) const {
    return {b, arith::ExtSIOp::create(*b, b->getI32Type(), rawByte(offset))};
  }
  /// The f16 at a place.
  Real half(int64_t offset) const {
    Number bits = byte(offset) | byte(offset + 1) << 8;
    Value narrow = arith::TruncIOp::create(*b, b->getI16Type(), bits.value);
    Value value = arith::BitcastOp::create(*b, b->getF16Type(), narrow);
    return {b, arith::ExtFOp::create(*b, b->getF32Type(), value)};
  }
  Real lookup(Number code) const {
    Value index = arith::IndexCastOp::create(*b, b->getIndexType(), code.value);
    return {b, tensor::ExtractOp::create(*b, values, index)};
  }

  // Codes; `q` is where their bytes begin.
  Number nibble(Number q, Number weight) const {
    return byte(q + weight % 16) >> weight / 16 * 4 & 15;
  }
  Number nibble(int64_t q) const { return nibble(number(q), i); }
  Number pairedNibble(int64_t q) const {
    return byte(i / 64 * 32 + i % 32 + q) >> i % 64 / 32 * 4 & 15;
  }
  Number crumb(int64_t q) const {
    return byte(i / 128 * 32 + i % 32 + q) >> i % 128 / 32 * 2 & 3;
  }
  Number fifthBit(int64_t qh) const { return byte(i / 8 + qh) >> i % 8 & 1; }

  Real q2K() const;
  Real q3K() const;
  Real sixBit(Number code) const;
  Real q6K() const;
  Real iq4xs() const;
  Real mxfp4() const;
  Real tq1() const;

  ImplicitLocOpBuilder *b;
  Value blocks, values, row;
  Number i; // of the weight in its block
  Number start;
};

Real GgufBlock::q2K() const {
  Number levels = byte(i / 16);
  return half(80) * real(levels & 15) * real(crumb(16)) -
         half(82) * real(levels >> 4);
}

Real GgufBlock::q3K() const {
  Number j = i / 16;
  Number low = byte(j % 8 + 96) >> j / 8 * 4 & 15;
  Number high = byte(j % 4 + 104) >> j / 4 * 2 & 3;
  Number third = byte(i % 32) >> i / 32 & 1;
  Number code = (crumb(32) | third << 2) - 4;
  return half(108) * real((low | high << 4) - 32) * real(code);
}

/// Q4_K and Q5_K: lib/Formats/SixBitScales.h.
Real GgufBlock::sixBit(Number code) const {
  Number j = i / 32, low = j % 4;
  Number first = byte(low + 4), second = byte(low + 8), shared = byte(low + 12);
  auto pick = [&](Number below, Number above) {
    return select(j, arith::CmpIPredicate::ult, 4, below, above);
  };
  Number level = pick(first & 63, (shared & 15) | first >> 6 << 4);
  Number minimum = pick(second & 63, shared >> 4 | second >> 6 << 4);
  return half(0) * real(level) * real(code) - half(2) * real(minimum);
}

Real GgufBlock::q6K() const {
  Number low = byte(i / 128 * 64 + i % 64) >> i % 128 / 64 * 4 & 15;
  Number code = (low | crumb(128) << 4) - 32;
  return half(208) * real(signedByte(i / 16 + 192)) * real(code);
}

Real GgufBlock::iq4xs() const {
  Number j = i / 32;
  Number low = byte(j / 2 + 4) >> j % 2 * 4 & 15;
  Number high = byte(j / 4 + 2) >> j % 4 * 2 & 3;
  return half(0) * real((low | high << 4) - 32) *
         lookup(nibble(j * 16 + 8, i % 32));
}

/// 2^(e - 128) · value, also where the power is subnormal.
Real GgufBlock::mxfp4() const {
  Number e = byte(0);
  Number small = number(0x00200000) << (e & 1), large = (e - 1) << 23;
  Number bits = select(e, arith::CmpIPredicate::ult, 2, small, large);
  Real unit{b, arith::BitcastOp::create(*b, b->getF32Type(), bits.value)};
  return lookup(nibble(1)) * unit;
}

/// Bytes hold five digits, of weights 32 or 16 apart, or four, 4 apart.
Real GgufBlock::tq1() const {
  auto is = arith::CmpIPredicate::ult;
  auto pick = [&](Number a, Number b, Number c) {
    return select(i, is, 160, a, select(i, is, 240, b, c));
  };
  Number j = i - 160, k = i - 240;
  Number place = pick(i % 32, j % 16 + 32, k % 4 + 48);
  Number digit = pick(i / 32, j / 16, k / 4);
  // 3^digit, by its bits.
  auto timesIf = [&](int bit, int64_t factor) {
    return select(digit >> bit & 1, arith::CmpIPredicate::ne, 0, number(factor),
                  number(1));
  };
  Number power = timesIf(0, 3) * timesIf(1, 9) * timesIf(2, 81);
  Number fraction = byte(place) * power & 255;
  return real((fraction * 3 >> 8) - 1) * half(52);
}

Real GgufBlock::decode(GgufType type) const {
  switch (type) {
  case GgufType::Q4_0:
    return half(0) * real(nibble(2) - 8);
  case GgufType::Q4_1:
    return half(0) * real(nibble(4)) + half(2);
  case GgufType::Q5_0:
    return half(0) * real((nibble(6) | fifthBit(2) << 4) - 16);
  case GgufType::Q5_1:
    return half(0) * real(nibble(8) | fifthBit(4) << 4) + half(2);
  case GgufType::Q8_0:
    return half(0) * real(signedByte(i + 2));
  case GgufType::Q2_K:
    return q2K();
  case GgufType::Q3_K:
    return q3K();
  case GgufType::Q4_K:
    return sixBit(pairedNibble(16));
  case GgufType::Q5_K:
    return sixBit(pairedNibble(48) | (byte(i % 32 + 16) >> i / 32 & 1) << 4);
  case GgufType::Q6_K:
    return q6K();
  case GgufType::IQ4_NL:
    return half(0) * lookup(nibble(2));
  case GgufType::IQ4_XS:
    return iq4xs();
  case GgufType::MXFP4:
    return mxfp4();
  case GgufType::TQ1_0:
    return tq1();
  case GgufType::TQ2_0:
    return real(crumb(0) - 1) * half(64);
  case GgufType::F32:
  case GgufType::F16:
  case GgufType::BF16:
    break;
  }
  llvm_unreachable("float weights are tensors, not blocks");
}

/// The numbers that nonlinear codes stand for; none for the other types.
ArrayRef<float> codeValues(GgufType type) {
  static constexpr float nonlinear[16] = {
      -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  static constexpr float doubled[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                        0, -1, -2, -3, -4, -6, -8, -12};
  if (type == GgufType::MXFP4)
    return doubled;
  if (type == GgufType::IQ4_NL || type == GgufType::IQ4_XS)
    return nonlinear;
  return {};
}

} // namespace

WeightElement qopt::ggufElement(ImplicitLocOpBuilder &builder, GgufType type,
                                Value blocks) {
  Value values;
  if (ArrayRef<float> numbers = codeValues(type); !numbers.empty())
    values = arith::ConstantOp::create(
        builder,
        DenseElementsAttr::get(
            RankedTensorType::get({16}, builder.getF32Type()), numbers));
  WeightElement element;
  element.emit = [=](ImplicitLocOpBuilder &b, ValueRange, Value n, Value k) {
    return GgufBlock(b, *findFormat(type), blocks, values, n, k)
        .decode(type)
        .value;
  };
  return element;
}
