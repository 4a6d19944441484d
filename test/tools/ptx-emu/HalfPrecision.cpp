//===- HalfPrecision.cpp - f16 and bf16 arithmetic ------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Each result is rounded once, to nearest even: f16 and bf16 products are exact
// in f64, sums are rounded to odd there (Float.h). add.f16 rounds like fma.
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
  Relu = 8
};

struct Add {
  static double apply(double a, double b, uint8_t) { return addToOdd(a, b); }
};
struct Sub {
  static double apply(double a, double b, uint8_t) { return addToOdd(a, -b); }
};
struct Mul {
  static double apply(double a, double b, uint8_t) { return a * b; }
};
struct Fma {
  static double apply(double a, double b, double c, uint8_t) {
    return addToOdd(a * b, c);
  }
};
template <bool IsMax> struct Extremum {
  static double apply(double a, double b, uint8_t flags) {
    if (a != a || b != b)
      return flags & PropagateNaN ? NAN : a != a ? b : a;
    if (a == b)
      return std::signbit(a) != IsMax ? a : b;
    return (a < b) != IsMax ? a : b;
  }
};
struct Exponential {
  static double apply(double a, uint8_t) { return std::exp2(a); }
};
struct Hyperbolic {
  static double apply(double a, uint8_t) { return std::tanh(a); }
};

template <typename Format, typename Op, unsigned N, unsigned Count>
void arithmetic(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *s[N];
  for (unsigned i = 0; i < N; ++i)
    s[i] = warp.lanes(in.source(i));
  uint8_t flags = in.flags;
  forLanes(mask, [&](unsigned lane) {
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 16 * Count; shift += 16) {
      double v[N];
      for (unsigned i = 0; i < N; ++i) {
        float value = Format::read(s[i][lane] >> shift & 0xffff);
        if (flags & FlushSubnormals && std::fabs(value) < 0x1p-14f)
          value = std::copysign(0.0f, value);
        v[i] = value;
      }
      double exact;
      if constexpr (N == 1)
        exact = Op::apply(v[0], flags);
      else if constexpr (N == 2)
        exact = Op::apply(v[0], v[1], flags);
      else
        exact = Op::apply(v[0], v[1], v[2], flags);
      if (flags & Saturate)
        exact = exact > 0 ? std::min(exact, 1.0) : 0.0;
      if (flags & Relu && exact < 0)
        exact = 0;
      uint64_t out = Format::write(exact);
      if (flags & FlushSubnormals && !(out & 0x7c00))
        out &= 0x8000;
      result |= out << shift;
    }
    d[lane] = result;
  });
  warp.define(in.destination(), mask);
}

template <typename Op, unsigned N> Handler choose(Type type) {
  bool half = type.kind == Type::Half;
  if (type.count == 2)
    return half ? arithmetic<HalfFormat, Op, N, 2>
                : arithmetic<BrainFormat, Op, N, 2>;
  return half ? arithmetic<HalfFormat, Op, N, 1>
              : arithmetic<BrainFormat, Op, N, 1>;
}

} // namespace

void ptx::decodeHalfArithmetic(Decoder &d, Type type) {
  if (type.kind != Type::Half && type.kind != Type::Brain)
    d.fail("unsupported type of '" + d.statement.opcode + "'");
  std::string_view base = d.base();
  d.takeAny({"rn", "approx"});
  d.result.klass = Class::Half;
  d.result.flags =
      (d.take("ftz") ? FlushSubnormals : 0) | (d.take("sat") ? Saturate : 0) |
      (d.take("NaN") ? PropagateNaN : 0) | (d.take("relu") ? Relu : 0);
  d.simple(type);
  if (base == "add")
    return d.finish(choose<Add, 2>(type));
  if (base == "sub")
    return d.finish(choose<Sub, 2>(type));
  if (base == "mul")
    return d.finish(choose<Mul, 2>(type));
  if (base == "fma")
    return d.finish(choose<Fma, 3>(type));
  if (base == "min")
    return d.finish(choose<Extremum<false>, 2>(type));
  if (base == "max")
    return d.finish(choose<Extremum<true>, 2>(type));
  if (base == "ex2")
    return d.finish(choose<Exponential, 1>(type));
  if (base == "tanh")
    return d.finish(choose<Hyperbolic, 1>(type));
  if (base == "neg")
    return d.finish(
        type.count == 2
            ? elementwise<[](uint64_t a) {
                return uint64_t(uint32_t(a) ^ 0x80008000u);
              },
                          1>
            : elementwise<[](uint64_t a) { return (a ^ 0x8000) & 0xffff; }, 1>);
  if (base == "abs")
    return d.finish(elementwise<[](uint64_t a) { return a & 0x7fff7fff; }, 1>);
  d.fail("unsupported type of '" + d.statement.opcode + "'");
}
