//===- Shuffle.cpp - exchange between the lanes of a warp -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Types.h"
#include "Warp.h"

#include <bit>

using namespace ptx;

namespace {

/// All members of each lane's mask must execute the instruction together.
void requireMembers(Warp &warp, const Instruction &in, Lanes mask,
                    const uint64_t *members) {
  forLanes(mask, [&](unsigned lane) {
    Lanes missing = Lanes(members[lane]) & ~mask;
    if (missing)
      warp.fail(in, std::countr_zero(missing),
                "the lane is in the member mask, but not here");
    if (!(members[lane] >> lane & 1))
      warp.fail(in, lane, "the lane is not in its own member mask");
  });
}

enum ShuffleMode : uint8_t { Up, Down, Butterfly, Index };

/// PTX ISA, shfl.sync: c holds the clamp in bits 0-4, the segment mask in 8-12.
void shuffle(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *a = warp.lanes(in.source(0)), *b = warp.lanes(in.source(1)),
                 *c = warp.lanes(in.source(2));
  requireMembers(warp, in, mask, warp.lanes(in.source(3)));
  uint64_t values[warpSize];
  std::copy_n(a, warpSize, values);
  uint64_t results[warpSize];
  Lanes inRange = 0;
  forLanes(mask, [&](unsigned lane) {
    int offset = int(b[lane] & 31), clamp = int(c[lane] & 31);
    int segment = int(c[lane] >> 8 & 31), self = int(lane);
    int maximum = (self & segment) | (clamp & ~segment);
    int minimum = self & segment;
    int from = 0;
    bool valid = false;
    switch (in.mode) {
    case Up:
      from = self - offset;
      valid = from >= maximum;
      break;
    case Down:
      from = self + offset;
      valid = from <= maximum;
      break;
    case Butterfly:
      from = self ^ offset;
      valid = from <= maximum;
      break;
    case Index:
      from = minimum | (offset & ~segment);
      valid = from <= maximum;
      break;
    }
    if (!valid)
      from = self;
    if (!(mask >> from & 1))
      warp.fail(in, lane,
                "reads from lane " + std::to_string(from) +
                    ", which does not take part");
    results[lane] = uint32_t(values[from]);
    inRange |= Lanes(valid) << lane;
  });
  forLanes(mask, [&](unsigned lane) { d[lane] = results[lane]; });
  warp.define(in.destination(), mask);
  if (in.destinations > 1)
    warp.setPredicate(in.destination(1), inRange, mask);
}

void decodeShuffle(Decoder &d) {
  if (!d.take("sync"))
    d.fail("shfl without .sync");
  std::string_view mode = d.takeAny({"up", "down", "bfly", "idx"});
  d.result.mode = mode == "up"     ? Up
                  : mode == "down" ? Down
                  : mode == "bfly" ? Butterfly
                                   : Index;
  d.takeType();
  d.destination(size_t(0));
  size_t first = 1;
  if (d.operandCount() == 6)
    d.destination(first++);
  for (size_t i = 0; i < 4; ++i)
    d.source(first + i, {Type::Bits, 32});
  d.finish(shuffle);
}

enum VoteMode : uint8_t { All, Any, Uniform, Ballot };

void vote(Warp &warp, const Instruction &in, Lanes mask) {
  requireMembers(warp, in, mask, warp.lanes(in.source(1)));
  Lanes votes = warp.predicateSource(in, 0) & mask;
  if (in.mode == Ballot) {
    uint64_t *d = warp.lanes(in.destination());
    forLanes(mask, [&](unsigned lane) { d[lane] = votes; });
    return warp.define(in.destination(), mask);
  }
  bool result = in.mode == All   ? votes == mask
                : in.mode == Any ? votes != 0
                                 : votes == mask || !votes;
  warp.setPredicate(in.destination(), result ? allLanes : 0, mask);
}

void decodeVote(Decoder &d) {
  d.take("sync");
  std::string_view mode = d.takeAny({"all", "any", "uni", "ballot"});
  d.result.mode = mode == "all"   ? All
                  : mode == "any" ? Any
                  : mode == "uni" ? Uniform
                                  : Ballot;
  d.takeType();
  d.destination(size_t(0));
  d.source(1, {Type::Predicate, 1});
  d.source(2, {Type::Bits, 32});
  d.finish(vote);
}

/// match.any: the lanes with this lane's value; match.all: all or none.
void match(Warp &warp, const Instruction &in, Lanes mask) {
  requireMembers(warp, in, mask, warp.lanes(in.source(1)));
  uint64_t *d = warp.lanes(in.destination());
  uint64_t keep = in.size == 64 ? ~uint64_t(0) : 0xffffffff;
  uint64_t values[warpSize];
  std::copy_n(warp.lanes(in.source(0)), warpSize, values);
  Lanes all = 0;
  forLanes(mask, [&](unsigned lane) {
    Lanes same = 0;
    forLanes(mask, [&](unsigned other) {
      same |= Lanes(((values[other] ^ values[lane]) & keep) == 0) << other;
    });
    bool equal = same == mask;
    all |= Lanes(equal) << lane;
    d[lane] = in.mode ? (equal ? mask : 0) : same;
  });
  warp.define(in.destination(), mask);
  if (in.destinations > 1)
    warp.setPredicate(in.destination(1), all, mask);
}

void decodeMatch(Decoder &d) {
  d.result.mode = d.takeAny({"any", "all"}) == "all";
  d.take("sync");
  Type type = d.takeType();
  d.result.size = type.bits;
  d.destination(size_t(0));
  size_t first = 1;
  if (d.operandCount() == 4)
    d.destination(first++);
  d.source(first, type);
  d.source(first + 1, {Type::Bits, 32});
  d.finish(match);
}

template <typename T, char Op>
void reduce(Warp &warp, const Instruction &in, Lanes mask) {
  requireMembers(warp, in, mask, warp.lanes(in.source(1)));
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *a = warp.lanes(in.source(0));
  bool first = true;
  T result = 0;
  forLanes(mask, [&](unsigned lane) {
    T value = T(a[lane]);
    if (first)
      result = value;
    else
      result = Op == '+'   ? T(uint32_t(result) + uint32_t(value))
               : Op == '<' ? std::min(result, value)
               : Op == '>' ? std::max(result, value)
               : Op == '&' ? T(result & value)
               : Op == '|' ? T(result | value)
                           : T(result ^ value);
    first = false;
  });
  forLanes(mask, [&](unsigned lane) { d[lane] = uint32_t(result); });
  warp.define(in.destination(), mask);
}

void decodeReduce(Decoder &d) {
  d.take("sync");
  std::string_view op = d.takeAny({"add", "min", "max", "and", "or", "xor"});
  Type type = d.takeType();
  if (type.bits != 32 || type.isFloat())
    d.fail("unsupported type of '" + d.statement.opcode + "'");
  d.simple(type);
  bool isSigned = type.kind == Type::Signed;
  d.finish(
      op == "add"   ? reduce<uint32_t, '+'>
      : op == "min" ? isSigned ? reduce<int32_t, '<'> : reduce<uint32_t, '<'>
      : op == "max" ? isSigned ? reduce<int32_t, '>'> : reduce<uint32_t, '>'>
      : op == "and" ? reduce<uint32_t, '&'>
      : op == "or"  ? reduce<uint32_t, '|'>
                    : reduce<uint32_t, '^'>);
}

/// elect.sync d|p, members: one lane of the members, here the lowest.
void elect(Warp &warp, const Instruction &in, Lanes mask) {
  requireMembers(warp, in, mask, warp.lanes(in.source()));
  unsigned leader = std::countr_zero(mask);
  uint64_t *d = warp.lanes(in.destination());
  forLanes(mask, [&](unsigned lane) { d[lane] = leader; });
  warp.define(in.destination(), mask);
  warp.setPredicate(in.destination(1), 1u << leader, mask);
}

void decodeElect(Decoder &d) {
  d.take("sync");
  d.destination(size_t(0));
  d.destination(1);
  d.source(2, {Type::Bits, 32});
  d.finish(elect);
}

void activeMask(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  forLanes(mask, [&](unsigned lane) { d[lane] = mask; });
  warp.define(in.destination(), mask);
}
void decodeActiveMask(Decoder &d) {
  d.takeType();
  d.destination(size_t(0));
  d.finish(activeMask);
}

} // namespace

void ptx::addShuffleOpcodes(OpcodeTable &table) {
  table["shfl"] = {decodeShuffle, Class::Shuffle};
  table["vote"] = {decodeVote, Class::Shuffle};
  table["match"] = {decodeMatch, Class::Shuffle};
  table["redux"] = {decodeReduce, Class::Shuffle};
  table["elect"] = {decodeElect, Class::Shuffle};
  table["activemask"] = {decodeActiveMask, Class::Shuffle};
}
