//===- Integer.cpp - integer arithmetic -----------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Decoder.h"
#include "Types.h"
#include "Warp.h"

using namespace ptx;

namespace {

// Every operation is a template over the C++ type of its operands.
struct Add {
  template <typename T> static T apply(T a, T b) { return T(a + b); }
};
struct Sub {
  template <typename T> static T apply(T a, T b) { return T(a - b); }
};
struct MulLo {
  template <typename T> static T apply(T a, T b) {
    return T(uint64_t(a) * uint64_t(b));
  }
};
struct MulHi {
  template <typename T> static T apply(T a, T b) {
    return T(__int128(a) * __int128(b) >> 8 * sizeof(T));
  }
};
struct Mul24 {
  template <typename T> static T apply(T a, T b) {
    return T(int64_t(T(a << 8) >> 8) * int64_t(T(b << 8) >> 8));
  }
};
struct Div { // a division by zero gives all ones on the hardware
  template <typename T> static T apply(T a, T b) {
    return b ? b == T(-1) && T(-1) < 0 ? T(0 - uint64_t(a)) : T(a / b) : T(-1);
  }
};
struct Rem {
  template <typename T> static T apply(T a, T b) {
    return b ? b == T(-1) && T(-1) < 0 ? T(0) : T(a % b) : a;
  }
};
struct Min {
  template <typename T> static T apply(T a, T b) { return a < b ? a : b; }
};
struct Max {
  template <typename T> static T apply(T a, T b) { return a < b ? b : a; }
};
struct Sad {
  template <typename T> static T apply(T a, T b, T c) {
    return T(c + (a < b ? b - a : a - b));
  }
};
struct MadLo {
  template <typename T> static T apply(T a, T b, T c) {
    return T(uint64_t(a) * uint64_t(b) + uint64_t(c));
  }
};
struct MadHi {
  template <typename T> static T apply(T a, T b, T c) {
    return T(uint64_t(MulHi::apply(a, b)) + uint64_t(c));
  }
};
struct Mad24 {
  template <typename T> static T apply(T a, T b, T c) {
    return T(Mul24::apply(a, b) + c);
  }
};
struct Abs {
  template <typename T> static T apply(T a) {
    return a < 0 ? T(0 - uint64_t(a)) : a;
  }
};
struct Neg {
  template <typename T> static T apply(T a) { return T(0 - uint64_t(a)); }
};

template <typename Op, typename T, unsigned N> Handler handler() {
  if constexpr (N == 1)
    return elementwise<
        [](uint64_t a) { return toLane(Op::template apply<T>(T(a))); }, 1>;
  else if constexpr (N == 2)
    return elementwise<[](uint64_t a, uint64_t b) {
      return toLane(Op::template apply<T>(T(a), T(b)));
    },
                       2>;
  else
    return elementwise<[](uint64_t a, uint64_t b, uint64_t c) {
      return toLane(Op::template apply<T>(T(a), T(b), T(c)));
    },
                       3>;
}

template <typename Op, unsigned N> void integer(Decoder &d, Type type) {
  d.simple(type);
  if (d.result.sources + 0u > N || d.operandCount() != N + 1)
    d.fail("wrong number of operands");
  d.finish(
      withInteger(d, type, []<typename T>() { return handler<Op, T, N>(); }));
}

/// Operations on two 16-bit numbers in a register.
template <typename Op, typename T> uint64_t pairwise(uint64_t a, uint64_t b) {
  uint64_t low = uint16_t(Op::template apply<T>(T(a), T(b)));
  return low | uint64_t(uint16_t(Op::template apply<T>(T(a >> 16), T(b >> 16))))
                   << 16;
}

template <typename Op> void pair(Decoder &d, Type type) {
  d.simple(type);
  if (type.kind == Type::Signed)
    d.finish(elementwise<[](uint64_t a, uint64_t b) {
      return pairwise<Op, int16_t>(a, b);
    },
                         2>);
  else
    d.finish(elementwise<[](uint64_t a, uint64_t b) {
      return pairwise<Op, uint16_t>(a, b);
    },
                         2>);
}

/// Saturating add.s32 and sub.s32.
int64_t saturate(int64_t value) {
  return std::clamp<int64_t>(value, INT32_MIN, INT32_MAX);
}

/// add.cc, addc, sub.cc, subc: `sign` is +1 or -1.
template <typename T, bool Subtract, bool CarryIn>
void carry(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *a = warp.lanes(in.source(0)), *b = warp.lanes(in.source(1));
  constexpr unsigned width = 8 * sizeof(T);
  forLanes(mask, [&](unsigned lane) {
    unsigned carryIn = CarryIn ? warp.carry >> lane & 1 : 0;
    unsigned __int128 wide =
        Subtract ? (unsigned __int128)T(a[lane]) - T(b[lane]) - carryIn
                 : (unsigned __int128)T(a[lane]) + T(b[lane]) + carryIn;
    d[lane] = T(wide);
    if (in.flags)
      warp.carry = (warp.carry & ~(1u << lane)) | uint32_t(wide >> width & 1)
                                                      << lane;
  });
  warp.define(in.destination(), mask);
}

template <bool Subtract> void decodeAdd(Decoder &d) {
  bool carryIn = d.base().ends_with("c");
  d.result.flags = d.take("cc");
  bool saturated = d.take("sat");
  Type type = d.takeType();
  if (type.isFloat() && type.bits < 32)
    return decodeHalfArithmetic(d, type);
  if (type.isFloat())
    return decodeFloatArithmetic(d, type);
  if (saturated) {
    d.simple(type);
    if (Subtract)
      d.finish(elementwise<[](uint64_t a, uint64_t b) {
        return toLane(int32_t(saturate(int64_t(int32_t(a)) - int32_t(b))));
      },
                           2>);
    else
      d.finish(elementwise<[](uint64_t a, uint64_t b) {
        return toLane(int32_t(saturate(int64_t(int32_t(a)) + int32_t(b))));
      },
                           2>);
    return;
  }
  if (type.count == 2)
    return Subtract ? pair<Sub>(d, type) : pair<Add>(d, type);
  if (!carryIn && !d.result.flags)
    return Subtract ? integer<Sub, 2>(d, type) : integer<Add, 2>(d, type);
  d.simple(type);
  if (type.bits == 64)
    d.finish(carryIn ? carry<uint64_t, Subtract, true>
                     : carry<uint64_t, Subtract, false>);
  else
    d.finish(carryIn ? carry<uint32_t, Subtract, true>
                     : carry<uint32_t, Subtract, false>);
}

/// The full product of two 16- or 32-bit numbers, plus c.
template <bool Accumulate> void wide(Decoder &d, Type type) {
  d.simple(type);
  auto choose = []<typename T, typename W>() -> Handler {
    if constexpr (Accumulate)
      return elementwise<[](uint64_t a, uint64_t b, uint64_t c) {
        return toLane(W(uint64_t(W(T(a))) * uint64_t(W(T(b))) + c));
      },
                         3>;
    else
      return elementwise<[](uint64_t a, uint64_t b) {
        return toLane(W(uint64_t(W(T(a))) * uint64_t(W(T(b)))));
      },
                         2>;
  };
  bool isSigned = type.kind == Type::Signed;
  if (type.bits == 16)
    d.finish(isSigned ? choose.template operator()<int16_t, int32_t>()
                      : choose.template operator()<uint16_t, uint32_t>());
  else if (type.bits == 32)
    d.finish(isSigned ? choose.template operator()<int32_t, int64_t>()
                      : choose.template operator()<uint32_t, uint64_t>());
  else
    d.fail("wide products are of 16 or 32 bits");
}

void decodeMul(Decoder &d) {
  bool is24 = d.base() == "mul24";
  std::string_view part = d.takeAny({"lo", "hi", "wide"});
  Type type = d.takeType();
  if (type.isFloat() && type.bits < 32)
    return decodeHalfArithmetic(d, type);
  if (type.isFloat())
    return decodeFloatArithmetic(d, type);
  if (part == "wide")
    return wide<false>(d, type);
  if (is24 && part == "lo")
    return integer<Mul24, 2>(d, type);
  if (part == "lo" && !is24)
    return integer<MulLo, 2>(d, type);
  if (part == "hi" && !is24)
    return integer<MulHi, 2>(d, type);
  d.fail("expected .lo, .hi or .wide");
}

void decodeMad(Decoder &d) {
  bool is24 = d.base() == "mad24";
  std::string_view part = d.takeAny({"lo", "hi", "wide"});
  Type type = d.takeType();
  if (type.isFloat())
    return decodeFloatArithmetic(d, type);
  if (part == "wide")
    return wide<true>(d, type);
  if (part == "lo")
    return is24 ? integer<Mad24, 3>(d, type) : integer<MadLo, 3>(d, type);
  if (part == "hi" && !is24)
    return integer<MadHi, 3>(d, type);
  d.fail("expected .lo, .hi or .wide");
}

/// Operations that floats have, too.
template <typename Op, unsigned N> void decodeShared(Decoder &d) {
  Type type = d.takeType();
  if (type.isFloat() && type.bits < 32)
    return decodeHalfArithmetic(d, type);
  if (type.isFloat())
    return decodeFloatArithmetic(d, type);
  if constexpr (N == 2)
    if (type.count == 2)
      return pair<Op>(d, type);
  integer<Op, N>(d, type);
}

template <typename Op, unsigned N> void decodeInteger(Decoder &d) {
  integer<Op, N>(d, d.takeType());
}

/// dp4a: four products of bytes, added to c. mode: bit 0 a, bit 1 b signed.
template <bool SignedA, bool SignedB>
uint64_t dotBytes(uint64_t a, uint64_t b, uint64_t c) {
  uint32_t sum = uint32_t(c);
  for (unsigned shift = 0; shift < 32; shift += 8) {
    int x = SignedA ? int(int8_t(a >> shift)) : int(uint8_t(a >> shift));
    int y = SignedB ? int(int8_t(b >> shift)) : int(uint8_t(b >> shift));
    sum += uint32_t(x * y);
  }
  return sum;
}

void decodeDotBytes(Decoder &d) {
  bool a = d.takeType().kind == Type::Signed;
  bool b = d.takeType().kind == Type::Signed;
  d.simple({Type::Bits, 32});
  d.finish(a   ? b ? elementwise<dotBytes<true, true>, 3>
                   : elementwise<dotBytes<true, false>, 3>
             : b ? elementwise<dotBytes<false, true>, 3>
               : elementwise<dotBytes<false, false>, 3>);
}

} // namespace

void ptx::addIntegerOpcodes(OpcodeTable &table) {
  for (const char *name : {"add", "addc"})
    table[name] = {decodeAdd<false>, Class::Integer};
  for (const char *name : {"sub", "subc"})
    table[name] = {decodeAdd<true>, Class::Integer};
  table["mul"] = table["mul24"] = {decodeMul, Class::Integer};
  table["mad"] = table["mad24"] = {decodeMad, Class::Integer};
  table["div"] = {decodeShared<Div, 2>, Class::Integer};
  table["rem"] = {decodeInteger<Rem, 2>, Class::Integer};
  table["min"] = {decodeShared<Min, 2>, Class::Integer};
  table["max"] = {decodeShared<Max, 2>, Class::Integer};
  table["abs"] = {decodeShared<Abs, 1>, Class::Integer};
  table["neg"] = {decodeShared<Neg, 1>, Class::Integer};
  table["sad"] = {decodeInteger<Sad, 3>, Class::Integer};
  table["dp4a"] = {decodeDotBytes, Class::Integer};
}
