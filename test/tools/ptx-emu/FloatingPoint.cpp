//===- FloatingPoint.cpp - f32 and f64 arithmetic -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Sums and products of f32 are computed in f64, exactly or rounded to odd, and
// rounded once (Float.h). Approximate functions are computed in f64 and rounded
// to nearest: within the bounds that PTX gives for them, and more exact than
// any hardware.
//
//===----------------------------------------------------------------------===//
#include "Float.h"
#include "Types.h"
#include "Warp.h"

using namespace ptx;

namespace {

enum Flags : uint8_t {
  FlushSubnormals = 1,
  Saturate = 2,
  PropagateNaN = 4,
  XorSign = 8
};

// Of f32: the result in f64, to be rounded.
struct Add {
  static double apply(double a, double b) { return addToOdd(a, b); }
};
struct Sub {
  static double apply(double a, double b) { return addToOdd(a, -b); }
};
struct Mul {
  static double apply(double a, double b) { return a * b; }
};
struct Fma {
  static double apply(double a, double b, double c) {
    return addToOdd(a * b, c);
  }
};

template <typename Op, unsigned N>
void rounded(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *s[3] = {};
  for (unsigned i = 0; i < N; ++i)
    s[i] = warp.lanes(in.source(i));
  bool ftz = in.flags & FlushSubnormals;
  auto read = [&](unsigned i, unsigned lane) -> double {
    float value = f32(s[i][lane]);
    return ftz ? flush(value) : value;
  };
  forLanes(mask, [&](unsigned lane) {
    double exact;
    if constexpr (N == 2)
      exact = Op::apply(read(0, lane), read(1, lane));
    else
      exact = Op::apply(read(0, lane), read(1, lane), read(2, lane));
    float value = std::bit_cast<float>(narrow<8, 23>(exact, Rounding(in.mode)));
    if (ftz)
      value = flush(value);
    if (in.flags & Saturate)
      value = value > 0 ? std::min(value, 1.0f) : 0.0f; // NaN gives 0
    d[lane] = bits(value);
  });
  warp.define(in.destination(), mask);
}

// The common case, to nearest without modifiers.
uint64_t addF32(uint64_t a, uint64_t b) { return bits(f32(a) + f32(b)); }
uint64_t subF32(uint64_t a, uint64_t b) { return bits(f32(a) - f32(b)); }
uint64_t mulF32(uint64_t a, uint64_t b) { return bits(f32(a) * f32(b)); }
uint64_t fmaF32(uint64_t a, uint64_t b, uint64_t c) {
  return bits(float(addToOdd(double(f32(a)) * f32(b), f32(c))));
}

template <bool IsMax>
void extremum(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *a = warp.lanes(in.source(0)), *b = warp.lanes(in.source(1));
  forLanes(mask, [&](unsigned lane) {
    float x = f32(a[lane]), y = f32(b[lane]);
    bool sign = std::signbit(x) != std::signbit(y);
    if (in.flags & FlushSubnormals)
      x = flush(x), y = flush(y);
    if (in.flags & XorSign)
      x = std::fabs(x), y = std::fabs(y);
    float value;
    if (x != x || y != y)
      value = in.flags & PropagateNaN ? NAN : x != x ? y : x;
    else if (x == y) // -0 is less than +0
      value = std::signbit(x) != IsMax ? x : y;
    else
      value = (x < y) != IsMax ? x : y;
    if (in.flags & XorSign)
      value = std::copysign(value, sign ? -1.0f : 1.0f);
    d[lane] = bits(value);
  });
  warp.define(in.destination(), mask);
}

void finishF64(Decoder &d) {
  std::string_view base = d.base();
  d.simple({Type::Float, 64});
  if (Rounding(d.result.mode) != Rounding::Nearest || d.result.flags)
    d.fail("f64 is supported with rounding to nearest only");
  using U = uint64_t;
  if (base == "add")
    d.finish(elementwise<[](U a, U b) { return bits(f64(a) + f64(b)); }, 2>);
  else if (base == "sub")
    d.finish(elementwise<[](U a, U b) { return bits(f64(a) - f64(b)); }, 2>);
  else if (base == "mul")
    d.finish(elementwise<[](U a, U b) { return bits(f64(a) * f64(b)); }, 2>);
  else if (base == "div")
    d.finish(elementwise<[](U a, U b) { return bits(f64(a) / f64(b)); }, 2>);
  else if (base == "min")
    d.finish(
        elementwise<[](U a, U b) { return bits(std::fmin(f64(a), f64(b))); },
                    2>);
  else if (base == "max")
    d.finish(
        elementwise<[](U a, U b) { return bits(std::fmax(f64(a), f64(b))); },
                    2>);
  else if (base == "abs")
    d.finish(elementwise<[](U a) { return a & ~(U(1) << 63); }, 1>);
  else if (base == "neg")
    d.finish(elementwise<[](U a) { return a ^ U(1) << 63; }, 1>);
  else
    d.finish(elementwise<[](U a, U b, U c) {
      return bits(std::fma(f64(a), f64(b), f64(c)));
    },
                         3>);
}

template <typename Op, unsigned N>
void finishRounded(Decoder &d, Handler plain) {
  bool isPlain =
      !d.result.flags && Rounding(d.result.mode) == Rounding::Nearest;
  d.finish(isPlain ? plain : rounded<Op, N>);
}

void decodeFma(Decoder &d) {
  Type type;
  // The rounding comes before the type and is a word of its own.
  type = d.takeType();
  if (type.bits < 32)
    return decodeHalfArithmetic(d, type);
  decodeFloatArithmetic(d, type);
}

template <double (*F)(double)>
void function(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *a = warp.lanes(in.source(0));
  forLanes(mask, [&](unsigned lane) {
    if (in.size == 64) {
      d[lane] = bits(F(f64(a[lane])));
      return;
    }
    float x = f32(a[lane]);
    if (in.flags & FlushSubnormals)
      x = flush(x);
    float value = float(F(x));
    d[lane] = bits(in.flags & FlushSubnormals ? flush(value) : value);
  });
  warp.define(in.destination(), mask);
}

double reciprocal(double x) { return 1 / x; }
double reciprocalRoot(double x) { return 1 / std::sqrt(x); }
double root(double x) { return std::sqrt(x); }
double exponential(double x) { return std::exp2(x); }
double logarithm(double x) { return std::log2(x); }
double sine(double x) { return std::sin(x); }
double cosine(double x) { return std::cos(x); }
double hyperbolic(double x) { return std::tanh(x); }

template <double (*F)(double)> void decodeFunction(Decoder &d) {
  d.takeAny({"approx", "rn"});
  d.result.flags = d.take("ftz") ? FlushSubnormals : 0;
  Type type = d.takeType();
  if (type.bits < 32)
    return decodeHalfArithmetic(d, type);
  d.result.size = type.bits;
  d.simple(type);
  d.finish(function<F>);
}

void decodeCopySign(Decoder &d) {
  Type type = d.takeType();
  d.simple(type);
  // The sign of the first operand with the magnitude of the second.
  if (type.bits == 64)
    d.finish(elementwise<[](uint64_t a, uint64_t b) {
      return (a & uint64_t(1) << 63) | (b & ~(uint64_t(1) << 63));
    },
                         2>);
  else
    d.finish(elementwise<[](uint64_t a, uint64_t b) {
      return uint64_t((uint32_t(a) & 0x80000000u) |
                      (uint32_t(b) & 0x7fffffffu));
    },
                         2>);
}

} // namespace

void ptx::decodeFloatArithmetic(Decoder &d, Type type) {
  std::string_view base = d.base();
  std::string_view rounding =
      d.takeAny({"rn", "rz", "rm", "rp", "approx", "full"});
  d.result.mode = uint8_t(rounding == "rz"   ? Rounding::Zero
                          : rounding == "rm" ? Rounding::Down
                          : rounding == "rp" ? Rounding::Up
                                             : Rounding::Nearest);
  d.result.flags = (d.take("ftz") ? FlushSubnormals : 0) |
                   (d.take("sat") ? Saturate : 0) |
                   (d.take("NaN") ? PropagateNaN : 0);
  if (d.take("xorsign")) {
    d.take("abs");
    d.result.flags |= XorSign;
  }
  if (type.bits == 64)
    return finishF64(d);
  d.simple(type);
  if (base == "add")
    return finishRounded<Add, 2>(d, elementwise<addF32, 2>);
  if (base == "sub")
    return finishRounded<Sub, 2>(d, elementwise<subF32, 2>);
  if (base == "mul")
    return finishRounded<Mul, 2>(d, elementwise<mulF32, 2>);
  if (base == "fma" || base == "mad")
    return finishRounded<Fma, 3>(d, elementwise<fmaF32, 3>);
  if (base == "min")
    return d.finish(extremum<false>);
  if (base == "max")
    return d.finish(extremum<true>);
  if (base == "abs")
    return d.finish(elementwise<[](uint64_t a) { return a & 0x7fffffff; }, 1>);
  if (base == "neg")
    return d.finish(
        elementwise<
            [](uint64_t a) { return uint64_t(uint32_t(a) ^ 0x80000000u); }, 1>);
  if (base == "div") {
    if (d.result.mode != uint8_t(Rounding::Nearest))
      d.fail("div is supported with rounding to nearest only");
    return d.finish(
        elementwise<
            [](uint64_t a, uint64_t b) { return bits(f32(a) / f32(b)); }, 2>);
  }
  d.fail("unsupported type of '" + d.statement.opcode + "'");
}

void ptx::addFloatOpcodes(OpcodeTable &table) {
  table["fma"] = {decodeFma, Class::Float};
  table["rcp"] = {decodeFunction<reciprocal>, Class::Float};
  table["rsqrt"] = {decodeFunction<reciprocalRoot>, Class::Float};
  table["sqrt"] = {decodeFunction<root>, Class::Float};
  table["ex2"] = {decodeFunction<exponential>, Class::Float};
  table["lg2"] = {decodeFunction<logarithm>, Class::Float};
  table["sin"] = {decodeFunction<sine>, Class::Float};
  table["cos"] = {decodeFunction<cosine>, Class::Float};
  table["tanh"] = {decodeFunction<hyperbolic>, Class::Float};
  table["copysign"] = {decodeCopySign, Class::Float};
}
