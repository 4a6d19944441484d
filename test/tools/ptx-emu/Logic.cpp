//===- Logic.cpp - operations on bits -------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Types.h"
#include "Warp.h"

#include <bit>

using namespace ptx;

namespace {

// and, or, xor and not exist for predicates, too.
template <char Op> uint64_t combine(uint64_t a, uint64_t b) {
  return Op == '&' ? a & b : Op == '|' ? a | b : a ^ b;
}

template <char Op>
void combinePredicates(Warp &warp, const Instruction &in, Lanes mask) {
  warp.setPredicate(in.destination(),
                    Lanes(combine<Op>(warp.predicateSource(in, 0),
                                      warp.predicateSource(in, 1))),
                    mask);
}

template <char Op> void decodeCombine(Decoder &d) {
  Type type = d.takeType();
  d.simple(type);
  if (type.kind == Type::Predicate)
    return d.finish(combinePredicates<Op>);
  d.finish(withInteger(d, type, []<typename T>() -> Handler {
    return elementwise<
        [](uint64_t a, uint64_t b) { return toLane(T(combine<Op>(a, b))); }, 2>;
  }));
}

void notPredicate(Warp &warp, const Instruction &in, Lanes mask) {
  warp.setPredicate(in.destination(), ~warp.predicateSource(in, 0), mask);
}

void decodeNot(Decoder &d) {
  Type type = d.takeType();
  d.simple(type);
  if (type.kind == Type::Predicate)
    return d.finish(notPredicate);
  d.finish(withInteger(d, type, []<typename T>() -> Handler {
    return elementwise<[](uint64_t a) { return toLane(T(~a)); }, 1>;
  }));
}

void decodeCnot(Decoder &d) {
  Type type = d.takeType();
  d.simple(type);
  d.finish(withInteger(d, type, []<typename T>() -> Handler {
    return elementwise<[](uint64_t a) { return uint64_t(T(a) == 0); }, 1>;
  }));
}

template <bool Left> void decodeShift(Decoder &d) {
  Type type = d.takeType();
  d.destination(size_t(0));
  d.source(1, type);
  d.source(2, {Type::Unsigned, 32});
  d.finish(withInteger(d, type, []<typename T>() -> Handler {
    return elementwise<[](uint64_t a, uint64_t by) {
      constexpr uint32_t width = 8 * sizeof(T);
      uint32_t shift = std::min(uint32_t(by), width); // clamped
      if constexpr (Left)
        return shift == width ? 0 : toLane(T(a << shift));
      else if (shift == width)
        return toLane(T(T(a) < 0 ? -1 : 0));
      else
        return toLane(T(T(a) >> shift));
    },
                       2>;
  }));
}

template <bool Left, bool Wrap>
uint64_t funnel(uint64_t a, uint64_t b, uint64_t c) {
  uint32_t shift = Wrap ? c & 31 : std::min<uint32_t>(uint32_t(c), 32);
  uint64_t wide = uint64_t(uint32_t(b)) << 32 | uint32_t(a);
  return Left ? uint32_t(wide << shift >> 32) : uint32_t(wide >> shift);
}

void decodeFunnel(Decoder &d) {
  bool left = d.takeAny({"l", "r"}) == "l";
  bool wrap = d.takeAny({"wrap", "clamp"}) == "wrap";
  d.simple(d.takeType());
  d.finish(left   ? wrap ? elementwise<funnel<true, true>, 3>
                         : elementwise<funnel<true, false>, 3>
             : wrap ? elementwise<funnel<false, true>, 3>
                  : elementwise<funnel<false, false>, 3>);
}

void lop3(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *a = warp.lanes(in.source(0)), *b = warp.lanes(in.source(1)),
                 *c = warp.lanes(in.source(2));
  // A sum of minterms: row i of the table is (a, b, c) = the bits of i.
  auto rows = [&](uint32_t x, uint32_t y, uint32_t z) {
    uint32_t result = 0;
    for (unsigned row = 0; row < 8; ++row)
      if (in.mode >> row & 1)
        result |= (row & 4 ? x : ~x) & (row & 2 ? y : ~y) & (row & 1 ? z : ~z);
    return result;
  };
  forLanes(mask, [&](unsigned lane) {
    d[lane] = rows(uint32_t(a[lane]), uint32_t(b[lane]), uint32_t(c[lane]));
  });
  warp.define(in.destination(), mask);
}

void decodeLop3(Decoder &d) {
  Type type = d.takeType();
  d.destination(size_t(0));
  for (size_t i = 1; i < 4; ++i)
    d.source(i, type);
  d.result.mode = uint8_t(d.integer(4));
  d.finish(lop3);
}

/// The selector of one byte: its index, and bit 3 to replicate its sign.
uint32_t selectByte(uint64_t pool, unsigned selector) {
  uint32_t byte = pool >> 8 * (selector & 7) & 0xff;
  return selector & 8 ? (byte & 0x80 ? 0xff : 0) : byte;
}

/// Selectors of the four bytes of prmt's modes (PTX ISA, prmt, table).
enum PermuteMode : uint8_t { Any, F4E, B4E, Rc8, Ecl, Ecr, Rc16 };
uint32_t permuteSelector(PermuteMode mode, uint32_t c) {
  unsigned i = c & 3;
  uint32_t result = 0;
  for (unsigned byte = 0; byte < 4; ++byte) {
    unsigned from = mode == F4E   ? i + byte
                    : mode == B4E ? (i + 8 - byte) & 7
                    : mode == Rc8 ? i
                    : mode == Ecl ? std::max(byte, i)
                    : mode == Ecr ? std::min(byte, i)
                                  : (i & 1) * 2 + (byte & 1);
    result |= from << 4 * byte;
  }
  return result;
}

template <PermuteMode Mode>
uint64_t permute(uint64_t a, uint64_t b, uint64_t c) {
  uint64_t pool = uint64_t(uint32_t(b)) << 32 | uint32_t(a);
  uint32_t selectors =
      Mode == Any ? uint32_t(c) : permuteSelector(Mode, uint32_t(c));
  uint32_t result = 0;
  for (unsigned byte = 0; byte < 4; ++byte)
    result |= selectByte(pool, selectors >> 4 * byte) << 8 * byte;
  return result;
}

void decodePermute(Decoder &d) {
  d.takeType();
  std::string_view mode =
      d.takeAny({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
  d.simple({Type::Bits, 32});
  d.finish(mode == "f4e"    ? elementwise<permute<F4E>, 3>
           : mode == "b4e"  ? elementwise<permute<B4E>, 3>
           : mode == "rc8"  ? elementwise<permute<Rc8>, 3>
           : mode == "ecl"  ? elementwise<permute<Ecl>, 3>
           : mode == "ecr"  ? elementwise<permute<Ecr>, 3>
           : mode == "rc16" ? elementwise<permute<Rc16>, 3>
                            : elementwise<permute<Any>, 3>);
}

/// Bits [position, position + length) of a; signed fields repeat their last.
template <typename T> uint64_t extract(uint64_t a, uint64_t b, uint64_t c) {
  constexpr unsigned width = 8 * sizeof(T);
  unsigned position = b & 0xff, length = c & 0xff;
  using U = std::make_unsigned_t<T>;
  bool sign = T(-1) < 0 && length &&
              U(a) >> std::min(position + length - 1, width - 1) & 1;
  U result = position < width ? U(a) >> position : 0;
  unsigned valid = std::min(length, position < width ? width - position : 0);
  U keep = valid >= width ? U(-1) : U((U(1) << valid) - 1);
  result &= keep;
  if (sign)
    result |= ~keep;
  return result;
}

void decodeExtract(Decoder &d) {
  Type type = d.takeType();
  d.simple(type);
  d.finish(withInteger(d, type, []<typename T>() -> Handler {
    return elementwise<extract<T>, 3>;
  }));
}

/// a's low bits in place of bits [position, position + length) of b.
template <typename T>
uint64_t insert(uint64_t a, uint64_t b, uint64_t c, uint64_t e) {
  constexpr unsigned width = 8 * sizeof(T);
  unsigned position = c & 0xff, length = e & 0xff;
  if (position >= width || !length)
    return T(b);
  T field = length >= width ? T(-1) : T((T(1) << length) - 1);
  T where = T(field << position);
  return (T(b) & ~where) | (T(T(a) << position) & where);
}

void decodeInsert(Decoder &d) {
  Type type = d.takeType();
  d.simple(type);
  d.finish(type.bits == 64 ? elementwise<insert<uint64_t>, 4>
                           : elementwise<insert<uint32_t>, 4>);
}

template <typename T> uint64_t reverse(uint64_t a) {
  T result = 0;
  for (unsigned bit = 0; bit < 8 * sizeof(T); ++bit)
    result |= T(a >> bit & 1) << (8 * sizeof(T) - 1 - bit);
  return result;
}

/// The place of the highest bit that differs from the sign, or -1.
template <typename T> uint64_t findBit(uint64_t a) {
  using U = std::make_unsigned_t<T>;
  U value = T(a) < 0 ? U(~a) : U(a);
  return value ? std::bit_width(value) - 1 : 0xffffffff;
}
template <typename T> uint64_t findShift(uint64_t a) {
  uint64_t place = findBit<T>(a);
  return place == 0xffffffff ? place : 8 * sizeof(T) - 1 - place;
}

void decodeCount(Decoder &d) {
  std::string_view base = d.base();
  bool shift = d.take("shiftamt");
  Type type = d.takeType();
  d.simple(type);
  bool wide = type.bits == 64;
  if (base == "popc")
    d.finish(
        wide
            ? elementwise<[](uint64_t a) { return uint64_t(std::popcount(a)); },
                          1>
            : elementwise<[](uint64_t a) {
                return uint64_t(std::popcount(uint32_t(a)));
              },
                          1>);
  else if (base == "clz")
    d.finish(
        wide ? elementwise<
                   [](uint64_t a) { return uint64_t(std::countl_zero(a)); }, 1>
             : elementwise<[](uint64_t a) {
                 return uint64_t(std::countl_zero(uint32_t(a)));
               },
                           1>);
  else if (base == "brev")
    d.finish(wide ? elementwise<reverse<uint64_t>, 1>
                  : elementwise<reverse<uint32_t>, 1>);
  else
    d.finish(withInteger(d, type, [&]<typename T>() -> Handler {
      return shift ? elementwise<findShift<T>, 1> : elementwise<findBit<T>, 1>;
    }));
}

} // namespace

void ptx::addLogicOpcodes(OpcodeTable &table) {
  table["and"] = {decodeCombine<'&'>, Class::Logic};
  table["or"] = {decodeCombine<'|'>, Class::Logic};
  table["xor"] = {decodeCombine<'^'>, Class::Logic};
  table["not"] = {decodeNot, Class::Logic};
  table["cnot"] = {decodeCnot, Class::Logic};
  table["shl"] = {decodeShift<true>, Class::Logic};
  table["shr"] = {decodeShift<false>, Class::Logic};
  table["shf"] = {decodeFunnel, Class::Logic};
  table["lop3"] = {decodeLop3, Class::Logic};
  table["prmt"] = {decodePermute, Class::Logic};
  table["bfe"] = {decodeExtract, Class::Logic};
  table["bfi"] = {decodeInsert, Class::Logic};
  for (const char *name : {"popc", "clz", "brev", "bfind"})
    table[name] = {decodeCount, Class::Logic};
}
