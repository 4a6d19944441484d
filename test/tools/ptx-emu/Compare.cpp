//===- Compare.cpp - setp, set, selp and slct -----------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Float.h"
#include "Types.h"
#include "Warp.h"

using namespace ptx;

namespace {

enum Comparison : uint8_t { Eq, Ne, Lt, Le, Gt, Ge, Num, Nan };
enum Flags : uint8_t { Unordered = 1, FlushSubnormals = 2 };
enum Combine : uint8_t { None, And, Or, Xor };

template <typename T> bool compare(Comparison how, T a, T b) {
  switch (how) {
  case Eq:
    return a == b;
  case Ne:
    return a != b;
  case Lt:
    return a < b;
  case Le:
    return a <= b;
  case Gt:
    return a > b;
  case Ge:
    return a >= b;
  default:
    return false;
  }
}

bool compareFloat(Comparison how, bool unordered, double a, double b) {
  bool isNan = a != a || b != b;
  if (how == Num)
    return !isNan;
  if (how == Nan)
    return isNan;
  return isNan ? unordered : compare(how, a, b);
}

double readFloat(Type type, uint64_t bits, bool ftz) {
  if (type.kind == Type::Half)
    return halfToFloat(bits);
  if (type.kind == Type::Brain)
    return brainToFloat(bits);
  if (type.bits == 64)
    return f64(bits);
  return ftz ? flush(f32(bits)) : f32(bits);
}

/// What decides about an instruction, kept in Instruction::immediate.
struct How {
  Type type;
  Comparison comparison = Eq;
  Combine combine = None;
  Type result; ///< of set
};
static_assert(sizeof(How) == sizeof(Instruction::immediate));

/// The lanes in which element `part` of the operands compares true.
Lanes compareLanes(Warp &warp, const Instruction &in, Lanes mask,
                   const How &how, unsigned part) {
  const uint64_t *a = warp.lanes(in.source(0)), *b = warp.lanes(in.source(1));
  Lanes result = 0;
  unsigned shift = part * how.type.bits;
  auto each = [&](auto holds) {
    forLanes(mask, [&](unsigned lane) {
      result |= Lanes(holds(a[lane] >> shift, b[lane] >> shift)) << lane;
    });
  };
  auto integers = [&]<typename T>() {
    each([&](uint64_t x, uint64_t y) {
      return compare(how.comparison, T(x), T(y));
    });
  };
  bool isSigned = how.type.kind == Type::Signed;
  if (how.type.isFloat())
    each([&](uint64_t x, uint64_t y) {
      return compareFloat(how.comparison, in.flags & Unordered,
                          readFloat(how.type, x, in.flags & FlushSubnormals),
                          readFloat(how.type, y, in.flags & FlushSubnormals));
    });
  else if (how.type.bits == 16)
    isSigned ? integers.template operator()<int16_t>()
             : integers.template operator()<uint16_t>();
  else if (how.type.bits == 32)
    isSigned ? integers.template operator()<int32_t>()
             : integers.template operator()<uint32_t>();
  else
    isSigned ? integers.template operator()<int64_t>()
             : integers.template operator()<uint64_t>();
  return result;
}

Lanes combine(Combine how, Lanes a, Lanes b) {
  return how == And ? a & b : how == Or ? a | b : how == Xor ? a ^ b : a;
}

/// setp p|q, a, b[, c]: p = (a ? b) op c, q = !(a ? b) op c; of f16x2, p and q
/// are the two elements.
void setp(Warp &warp, const Instruction &in, Lanes mask) {
  How how = std::bit_cast<How>(in.immediate);
  Lanes first = compareLanes(warp, in, mask, how, 0);
  Lanes second =
      how.type.count == 2 ? compareLanes(warp, in, mask, how, 1) : ~first;
  Lanes other = how.combine != None ? warp.predicateSource(in, 2) : 0;
  warp.setPredicate(in.destination(0), combine(how.combine, first, other),
                    mask);
  if (in.destinations > 1)
    warp.setPredicate(in.destination(1), combine(how.combine, second, other),
                      mask);
}

uint64_t truth(Type type) {
  switch (type.kind) {
  case Type::Float:
    return 0x3f800000;
  case Type::Half:
    return 0x3c00;
  case Type::Brain:
    return 0x3f80;
  default:
    return type.width() == 16 ? 0xffff : 0xffffffff;
  }
}

void set(Warp &warp, const Instruction &in, Lanes mask) {
  How how = std::bit_cast<How>(in.immediate);
  uint64_t *d = warp.lanes(in.destination());
  Lanes other = how.combine != None ? warp.predicateSource(in, 2) : 0;
  Lanes result[2] = {};
  for (unsigned part = 0; part < how.type.count; ++part)
    result[part] =
        combine(how.combine, compareLanes(warp, in, mask, how, part), other);
  bool pair = how.type.count == 2;
  uint64_t yes = pair && how.result.isInteger() ? 0xffff : truth(how.result);
  forLanes(mask, [&](unsigned lane) {
    d[lane] = (result[0] >> lane & 1 ? yes : 0) |
              (pair && result[1] >> lane & 1 ? yes << 16 : 0);
  });
  warp.define(in.destination(), mask);
}

How decodeComparison(Decoder &d) {
  struct Row {
    std::string_view name;
    Comparison comparison;
    bool unordered, isUnsigned;
  };
  static constexpr Row rows[] = {
      {"eq", Eq, false, false},   {"ne", Ne, false, false},
      {"lt", Lt, false, false},   {"le", Le, false, false},
      {"gt", Gt, false, false},   {"ge", Ge, false, false},
      {"lo", Lt, false, true},    {"ls", Le, false, true},
      {"hi", Gt, false, true},    {"hs", Ge, false, true},
      {"equ", Eq, true, false},   {"neu", Ne, true, false},
      {"ltu", Lt, true, false},   {"leu", Le, true, false},
      {"gtu", Gt, true, false},   {"geu", Ge, true, false},
      {"num", Num, false, false}, {"nan", Nan, true, false},
  };
  How how;
  const Row *found = nullptr;
  for (const Row &row : rows)
    if (d.take(row.name)) {
      found = &row;
      break;
    }
  if (!found)
    d.fail("unsupported comparison in '" + d.statement.opcode + "'");
  how.comparison = found->comparison;
  std::string_view op = d.takeAny({"and", "or", "xor"});
  how.combine = op == "and" ? And : op == "or" ? Or : op == "xor" ? Xor : None;
  // "ne" of floats is ordered, too: true only for numbers.
  d.result.flags = (found->unordered ? Unordered : 0) |
                   (d.take("ftz") ? FlushSubnormals : 0);
  return how;
}

void decodeSources(Decoder &d, const How &how, size_t first) {
  d.source(first, how.type);
  d.source(first + 1, how.type);
  if (how.combine != None)
    d.source(first + 2, {Type::Predicate, 1});
  d.result.immediate = std::bit_cast<int64_t>(how);
}

void decodeSetp(Decoder &d) {
  How how = decodeComparison(d);
  how.type = d.takeType();
  size_t expected = 3 + (how.combine != None);
  d.destination(size_t(0));
  bool two = d.operandCount() > expected;
  if (two)
    d.destination(1);
  decodeSources(d, how, two ? 2 : 1);
  d.finish(setp);
}

void decodeSet(Decoder &d) {
  How how = decodeComparison(d);
  how.result = d.takeType();
  how.type = d.takeType();
  d.destination(size_t(0));
  decodeSources(d, how, 1);
  d.finish(set);
}

void selp(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *a = warp.lanes(in.source(0)), *b = warp.lanes(in.source(1));
  Lanes condition = warp.predicateSource(in, 2);
  forLanes(mask, [&](unsigned lane) {
    d[lane] = condition >> lane & 1 ? a[lane] : b[lane];
  });
  warp.define(in.destination(), mask);
}

void selpPredicates(Warp &warp, const Instruction &in, Lanes mask) {
  Lanes condition = warp.predicateSource(in, 2);
  warp.setPredicate(in.destination(),
                    (condition & warp.predicateSource(in, 0)) |
                        (~condition & warp.predicateSource(in, 1)),
                    mask);
}

void decodeSelp(Decoder &d) {
  Type type = d.takeType();
  d.destination(size_t(0));
  d.source(1, type);
  d.source(2, type);
  d.source(3, {Type::Predicate, 1});
  d.finish(type.kind == Type::Predicate ? selpPredicates : selp);
}

/// slct d, a, b, c: a if c >= 0.
void decodeSlct(Decoder &d) {
  d.take("ftz");
  Type type = d.takeType(), condition = d.takeType();
  d.destination(size_t(0));
  d.source(1, type);
  d.source(2, type);
  d.source(3, condition);
  if (condition.isFloat())
    d.finish(elementwise<[](uint64_t a, uint64_t b, uint64_t c) {
      return f32(c) >= 0 ? a : b;
    },
                         3>);
  else
    d.finish(elementwise<[](uint64_t a, uint64_t b, uint64_t c) {
      return int32_t(c) >= 0 ? a : b;
    },
                         3>);
}

} // namespace

void ptx::addCompareOpcodes(OpcodeTable &table) {
  table["setp"] = {decodeSetp, Class::Integer};
  table["set"] = {decodeSet, Class::Integer};
  table["selp"] = {decodeSelp, Class::Logic};
  table["slct"] = {decodeSlct, Class::Logic};
}
