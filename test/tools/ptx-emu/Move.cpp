//===- Move.cpp - mov, cvta and what reads clocks -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Cta.h"
#include "Grid.h"
#include "Memory.h"
#include "Types.h"

using namespace ptx;

namespace {

/// Registers hold their values truncated to their width. Constants are 64 bits.
template <unsigned Bits>
void move(Warp &warp, const Instruction &in, Lanes mask) {
  constexpr uint64_t keep =
      Bits == 64 ? ~uint64_t(0) : (uint64_t(1) << (Bits % 64)) - 1;
  for (unsigned i = 0; i < in.destinations; ++i) {
    uint64_t *d = warp.lanes(in.destination(i));
    const uint64_t *a = warp.lanes(in.source(i));
    forLanes(mask, [&](unsigned lane) { d[lane] = a[lane] & keep; });
    warp.define(in.destination(i), mask);
  }
}

void movePredicate(Warp &warp, const Instruction &in, Lanes mask) {
  warp.setPredicate(in.destination(), warp.predicateSource(in, 0), mask);
}

/// d = {a, b, ...}: the first element is the lowest; `size` bits each.
void pack(Warp &warp, const Instruction &in, Lanes mask) {
  unsigned perWord = in.sources / in.destinations;
  uint64_t keep = in.size == 64 ? ~uint64_t(0) : (uint64_t(1) << in.size) - 1;
  uint64_t words[2][warpSize] = {};
  for (unsigned i = 0; i < in.sources; ++i) {
    const uint64_t *a = warp.lanes(in.source(i));
    forLanes(mask, [&](unsigned lane) {
      words[i / perWord][lane] |= (a[lane] & keep) << in.size * (i % perWord);
    });
  }
  for (unsigned i = 0; i < in.destinations; ++i) {
    uint64_t *d = warp.lanes(in.destination(i));
    forLanes(mask, [&](unsigned lane) { d[lane] = words[i][lane]; });
    warp.define(in.destination(i), mask);
  }
}

/// {a, b, ...} = s
void unpack(Warp &warp, const Instruction &in, Lanes mask) {
  unsigned perWord = in.destinations / in.sources;
  uint64_t keep = in.size == 64 ? ~uint64_t(0) : (uint64_t(1) << in.size) - 1;
  uint64_t words[2][warpSize];
  for (unsigned i = 0; i < in.sources; ++i)
    std::copy_n(warp.lanes(in.source(i)), warpSize, words[i]);
  for (unsigned i = 0; i < in.destinations; ++i) {
    uint64_t *d = warp.lanes(in.destination(i));
    forLanes(mask, [&](unsigned lane) {
      d[lane] = words[i / perWord][lane] >> in.size * (i % perWord) & keep;
    });
    warp.define(in.destination(i), mask);
  }
}

/// Time is the number of instructions that warps have executed.
void clock(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  uint64_t now = warp.cta.grid.executed;
  forLanes(mask, [&](unsigned lane) {
    d[lane] = in.size == 64 ? now : uint32_t(now);
  });
  warp.define(in.destination(), mask);
}

void decodeVector(Decoder &d, Type type, bool packs) {
  std::vector<Operand> parts = d.elements(packs ? 1 : 0);
  if (type.bits % parts.size())
    d.fail("a vector that does not divide the register");
  d.result.size = uint8_t(type.bits / parts.size());
  if (packs) {
    d.destination(size_t(0));
    for (const Operand &part : parts)
      d.source(part, {Type::Bits, d.result.size});
    return d.finish(pack);
  }
  for (const Operand &part : parts)
    d.destination(part);
  d.source(1, type);
  d.finish(unpack);
}

void decodeMove(Decoder &d) {
  Type type = d.takeType();
  if (d.operandCount() != 2)
    d.fail("wrong number of operands");
  if (d.operand(0).kind == Operand::Kind::Vector)
    return decodeVector(d, type, false);
  if (d.operand(1).kind == Operand::Kind::Vector)
    return decodeVector(d, type, true);
  d.destination(size_t(0));
  const std::string &name = d.operand(1).name;
  if (d.operand(1).kind == Operand::Kind::Special &&
      (name.starts_with("%clock") || name.starts_with("%globaltimer"))) {
    d.result.size = type.bits;
    return d.finish(clock);
  }
  d.source(1, type);
  d.finish(type.kind == Type::Predicate ? movePredicate
           : type.bits == 16            ? move<16>
           : type.bits == 32            ? move<32>
                                        : move<64>);
}

template <int Sign>
void shiftWindow(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *a = warp.lanes(in.source());
  uint64_t window = uint64_t(in.mode) << 62;
  forLanes(mask, [&](unsigned lane) {
    uint64_t value = Sign > 0 ? a[lane] + window : a[lane] - window;
    d[lane] = in.size == 32 ? uint32_t(value) : value;
  });
  warp.define(in.destination(), mask);
}

void decodeAddress(Decoder &d) {
  bool to = d.take("to");
  Space space = d.takeSpace();
  Type type = d.takeType();
  d.simple(type);
  d.result.size = type.bits;
  bool isShared = space == Space::Shared || space == Space::Cluster;
  uint64_t window = isShared                ? sharedWindow
                    : space == Space::Local ? localWindow
                    : space == Space::Param ? paramWindow
                                            : 0;
  d.result.mode = uint8_t(window >> 62);
  d.finish(to ? shiftWindow<-1> : shiftWindow<1>);
}

/// isspacep: does a generic address point into the space?
void isSpace(Warp &warp, const Instruction &in, Lanes mask) {
  const uint64_t *a = warp.lanes(in.source());
  Lanes result = 0;
  forLanes(mask, [&](unsigned lane) {
    result |= Lanes(a[lane] >> 62 == in.mode) << lane;
  });
  warp.setPredicate(in.destination(), result, mask);
}

void decodeIsSpace(Decoder &d) {
  Space space = d.takeSpace();
  d.destination(size_t(0));
  d.source(1, {Type::Bits, 64});
  bool isShared = space == Space::Shared || space == Space::Cluster;
  d.result.mode = isShared                ? sharedWindow >> 62
                  : space == Space::Local ? localWindow >> 62
                  : space == Space::Param ? paramWindow >> 62
                                          : 0;
  d.finish(isSpace);
}

/// createpolicy: a cache hint, which nothing here looks at.
void policy(Warp &warp, const Instruction &in, Lanes mask) {
  std::fill_n(warp.lanes(in.destination()), warpSize, 0);
  warp.define(in.destination(), mask);
}

void decodePolicy(Decoder &d) {
  d.takeAny({"fractional", "range"});
  d.takePrefix("L2::");
  d.takePrefix("global");
  d.takeType();
  d.destination(size_t(0));
  d.finish(policy);
}

} // namespace

void ptx::addMoveOpcodes(OpcodeTable &table) {
  table["mov"] = {decodeMove, Class::Move};
  table["cvta"] = {decodeAddress, Class::Move};
  table["isspacep"] = {decodeIsSpace, Class::Move};
  table["createpolicy"] = {decodePolicy, Class::Move};
}
