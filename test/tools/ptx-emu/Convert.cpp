//===- Convert.cpp - cvt --------------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A value is read as an exact f64 or a 64-bit integer and written with one
// rounding.
//
//===----------------------------------------------------------------------===//
#include "Float.h"
#include "Types.h"
#include "Warp.h"

using namespace ptx;

namespace {

enum Flags : uint8_t {
  Saturate = 1,
  Relu = 2,
  FlushSubnormals = 4,
  Finite = 8,
  Integral = 16
}; ///< .rni and its like, between floats

double readFloat(Type type, uint64_t bits) {
  switch (type.kind) {
  case Type::Half:
    return halfToFloat(bits);
  case Type::Brain:
    return brainToFloat(bits);
  case Type::Tensor:
    return tensorToFloat(bits);
  default:
    return type.bits == 64 ? f64(bits) : f32(bits);
  }
}

/// Saturates to the largest number. e4m3 has no infinity: its numbers from 256
/// on have the exponent that narrow() takes for one.
uint32_t writeByte(Type type, double value) {
  if (value != value)
    return 0x7f;
  if (type.kind == Type::E5M2)
    return narrow<5, 2>(std::clamp(value, -57344.0, 57344.0));
  value = std::clamp(value, -448.0, 448.0);
  return std::fabs(value) < 256 ? narrow<4, 3>(value)
                                : narrow<4, 3>(value / 2) + 8;
}

uint64_t writeFloat(Type type, double value, Rounding rounding, uint8_t flags) {
  if (flags & Saturate)
    value = value > 0 ? std::min(value, 1.0) : 0.0;
  if (flags & Relu && value < 0)
    value = 0;
  switch (type.kind) {
  case Type::Half:
    return narrow<5, 10>(value, rounding);
  case Type::Brain:
    return narrow<8, 7>(value, rounding);
  case Type::Tensor:
    return uint64_t(narrow<8, 10>(value, rounding)) << 13;
  case Type::E4M3:
  case Type::E5M2:
    return writeByte(type, value);
  default:
    break;
  }
  if (type.bits == 64)
    return bits(value);
  float result = std::bit_cast<float>(narrow<8, 23>(value, rounding));
  return bits(flags & FlushSubnormals ? flush(result) : result);
}

double roundToInteger(double value, Rounding rounding) {
  switch (rounding) {
  case Rounding::Zero:
    return std::trunc(value);
  case Rounding::Down:
    return std::floor(value);
  case Rounding::Up:
    return std::ceil(value);
  case Rounding::NearestAway:
    return std::round(value);
  case Rounding::Nearest:
    break;
  }
  return std::nearbyint(value);
}

/// Clamped to the type's range; NaN gives 0 (PTX ISA, cvt).
uint64_t floatToInteger(Type type, double value) {
  if (value != value)
    return 0;
  if (type.kind == Type::Signed) {
    double limit = std::ldexp(1.0, type.bits - 1);
    int64_t largest = int64_t((uint64_t(1) << (type.bits - 1)) - 1);
    int64_t result = value >= limit   ? largest
                     : value < -limit ? -largest - 1
                                      : int64_t(value);
    return uint64_t(result);
  }
  double limit = std::ldexp(1.0, type.bits);
  uint64_t largest =
      type.bits == 64 ? ~uint64_t(0) : (uint64_t(1) << type.bits) - 1;
  return value >= limit ? largest : value <= 0 ? 0 : uint64_t(value);
}

__int128 readInteger(Type type, uint64_t bits) {
  unsigned unused = 64 - type.bits;
  if (type.kind == Type::Signed)
    return int64_t(bits << unused) >> unused;
  return bits << unused >> unused;
}

uint64_t writeInteger(Type type, __int128 value, bool saturate) {
  if (saturate) {
    __int128 one = 1;
    bool isSigned = type.kind == Type::Signed;
    __int128 low = isSigned ? -(one << (type.bits - 1)) : 0;
    __int128 high = (one << (type.bits - isSigned)) - 1;
    value = std::clamp(value, low, high);
  }
  // Sign-extended: the destination may be wider than the type.
  unsigned unused = 64 - type.bits;
  uint64_t word = uint64_t(value);
  return type.kind == Type::Signed ? uint64_t(int64_t(word << unused) >> unused)
                                   : word << unused >> unused;
}

struct Conversion {
  Type to, from;
  Rounding rounding = Rounding::Nearest;
  uint8_t width = 32; ///< of the destination register
};
static_assert(sizeof(Conversion) == sizeof(Instruction::immediate));

uint64_t convert(const Conversion &how, uint64_t value, uint8_t flags) {
  uint64_t result;
  if (how.from.isFloat()) {
    double number = readFloat(how.from, value);
    if (flags & FlushSubnormals && how.from.bits == 32)
      number = flush(float(number));
    if (how.to.isFloat()) {
      if (flags & Integral)
        number = roundToInteger(number, how.rounding);
      result = writeFloat(how.to, number, how.rounding, flags);
    } else {
      result = floatToInteger(how.to, roundToInteger(number, how.rounding));
    }
  } else if (how.to.isFloat()) {
    __int128 number = readInteger(how.from, value);
    // Integers of more than 53 bits are rounded to odd first.
    double high = double(int64_t(number >> 32)), low = double(uint32_t(number));
    result =
        writeFloat(how.to, addToOdd(high * 0x1p32, low), how.rounding, flags);
  } else {
    result =
        writeInteger(how.to, readInteger(how.from, value), flags & Saturate);
  }
  return how.width == 64 ? result : result & ((uint64_t(1) << how.width) - 1);
}

/// Kept in Instruction::immediate.
static_assert(sizeof(Conversion) <= sizeof(int64_t) + 4);

Conversion conversion(const Instruction &in) {
  return std::bit_cast<Conversion>(in.immediate);
}

void execute(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *a = warp.lanes(in.source());
  const Conversion how = conversion(in);
  forLanes(mask,
           [&](unsigned lane) { d[lane] = convert(how, a[lane], in.flags); });
  warp.define(in.destination(), mask);
}

/// cvt.rn.f16x2.f32 d, a, b: a goes to the upper half.
void executePair(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *a = warp.lanes(in.source(0)), *b = warp.lanes(in.source(1));
  Conversion how = conversion(in);
  how.width = how.to.bits;
  forLanes(mask, [&](unsigned lane) {
    d[lane] = convert(how, a[lane], in.flags) << how.width |
              convert(how, b[lane], in.flags);
  });
  warp.define(in.destination(), mask);
}

/// cvt.rn.f16x2.e4m3x2
void executeUnpack(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *a = warp.lanes(in.source());
  bool e4m3 = conversion(in).from.kind == Type::E4M3;
  auto one = [&](uint32_t byte) -> uint64_t {
    if (!e4m3) // f16 with eight bits of mantissa less
      return byte << 8;
    int exponent = byte >> 3 & 15, mantissa = byte & 7;
    double value = exponent == 15 && mantissa == 7 ? NAN
                   : exponent ? std::ldexp(8 + mantissa, exponent - 10)
                              : std::ldexp(mantissa, -9);
    return HalfFormat::write(byte & 0x80 ? -value : value);
  };
  forLanes(mask, [&](unsigned lane) {
    d[lane] = one(a[lane] & 0xff) | one(a[lane] >> 8 & 0xff) << 16;
  });
  warp.define(in.destination(), mask);
}

void decodeConvert(Decoder &d) {
  Conversion how;
  std::string_view rounding =
      d.takeAny({"rni", "rzi", "rmi", "rpi", "rn", "rz", "rm", "rp", "rna"});
  how.rounding = rounding == "rna"    ? Rounding::NearestAway
                 : rounding.empty()   ? Rounding::Nearest
                 : rounding[1] == 'z' ? Rounding::Zero
                 : rounding[1] == 'm' ? Rounding::Down
                 : rounding[1] == 'p' ? Rounding::Up
                                      : Rounding::Nearest;
  d.result.flags = (d.take("sat") ? Saturate : 0) |
                   (d.take("relu") ? Relu : 0) |
                   (d.take("ftz") ? FlushSubnormals : 0) |
                   (d.take("satfinite") ? Finite : 0) |
                   (rounding.ends_with("i") ? Integral : 0);
  how.to = d.takeType();
  how.from = d.takeType();
  if (how.from.isFloat() && how.to.isInteger() && rounding.empty())
    d.fail("a conversion from float to integer says how it rounds");
  d.destination(size_t(0));
  how.width = std::min<uint8_t>(64, d.declaredType(d.operand(0)).bits);
  for (size_t i = 1; i < d.operandCount(); ++i)
    d.source(i, how.from);
  d.result.immediate = std::bit_cast<int64_t>(how);
  if (how.from.count == 2)
    return d.finish(executeUnpack);
  d.finish(how.to.count == 2 ? executePair : execute);
}

} // namespace

void ptx::addConvertOpcodes(OpcodeTable &table) {
  table["cvt"] = {decodeConvert, Class::Convert};
}
