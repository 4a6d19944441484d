//===- Atomics.cpp - atom and red -----------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Access.h"
#include "Float.h"
#include "Types.h"

using namespace ptx;

namespace {

enum Operation : uint8_t {
  Add,
  And,
  Or,
  Xor,
  Exchange,
  CompareSwap,
  Min,
  Max,
  Increment,
  Decrement
};

uint64_t integer(Operation op, bool isSigned, unsigned bits, uint64_t old,
                 uint64_t b, uint64_t c) {
  unsigned unused = 64 - bits;
  auto wide = [&](uint64_t value) {
    return isSigned ? int64_t(value << unused) >> unused
                    : int64_t(value << unused >> unused);
  };
  bool less = isSigned || bits < 64 ? wide(b) < wide(old) : b < old;
  switch (op) {
  case Add:
    return old + b;
  case And:
    return old & b;
  case Or:
    return old | b;
  case Xor:
    return old ^ b;
  case Exchange:
    return b;
  case CompareSwap:
    return ((old ^ b) << unused) == 0 ? c : old;
  case Min:
    return less ? b : old;
  case Max:
    return less ? old : b;
  case Increment:
    return uint32_t(old) >= uint32_t(b) ? 0 : old + 1;
  case Decrement:
    return !uint32_t(old) || uint32_t(old) > uint32_t(b) ? b : old - 1;
  }
  return old;
}

template <typename Format>
uint64_t addPairs(uint64_t a, uint64_t b, unsigned count) {
  uint64_t result = 0;
  for (unsigned shift = 0; shift < 16 * count; shift += 16)
    result |=
        uint64_t(Format::write(addToOdd(Format::read(a >> shift & 0xffff),
                                        Format::read(b >> shift & 0xffff))))
        << shift;
  return result;
}

uint64_t apply(const Instruction &in, Type type, uint64_t old, uint64_t b,
               uint64_t c) {
  Operation op = Operation(in.flags);
  if (op == Add && type.kind == Type::Half)
    return addPairs<HalfFormat>(old, b, type.count);
  if (op == Add && type.kind == Type::Brain)
    return addPairs<BrainFormat>(old, b, type.count);
  if (op == Add && type.is(Type::Float, 32))
    return bits(f32(old) + f32(b));
  if (op == Add && type.is(Type::Float, 64))
    return bits(f64(old) + f64(b));
  return integer(op, type.kind == Type::Signed, type.width(), old, b, c);
}

/// count: elements of a vector.
void atomic(Warp &warp, const Instruction &in, Lanes mask) {
  const Type type = in.type;
  unsigned bytes = type.bytes(), total = bytes * in.count;
  Space space = Space(in.mode);
  count(warp, in, mask, space, total);
  bool changed = false;
  // Lanes go one after the other: each sees what the one before has done.
  forLanes(mask, [&](unsigned lane) {
    uint8_t *place = access(warp, in, lane, space, addressOf(warp, in, 0, lane),
                            total, total, Access::Atomic, true);
    if (uint64_t address = addressOf(warp, in, 0, lane);
        resolve(space, address) == Space::Global)
      warp.cta.grid.order.exchange(warp.cta.number, address);
    for (unsigned i = 0; i < in.count; ++i, place += bytes) {
      uint64_t old = 0;
      std::memcpy(&old, place, bytes);
      uint64_t b = warp.lanes(in.source(1 + i))[lane];
      uint64_t c =
          in.sources > 2 && in.count == 1 ? warp.lanes(in.source(2))[lane] : 0;
      uint64_t value = apply(in, type, old, b, c);
      changed |= std::memcmp(place, &value, bytes) != 0;
      std::memcpy(place, &value, bytes);
      if (in.destinations && in.destination(i) > 1)
        warp.lanes(in.destination(i))[lane] = old;
    }
  });
  for (unsigned i = 0; i < in.destinations; ++i)
    warp.define(in.destination(i), mask);
  if (changed)
    ++warp.cta.grid.progress;
  warp.poll();
}

void decodeAtomic(Decoder &d) {
  bool returns = d.base() == "atom";
  d.takeAny({"relaxed", "acquire", "release", "acq_rel"});
  d.takeAny({"cta", "cluster", "gpu", "sys"});
  d.result.mode = uint8_t(d.takeSpace());
  d.take("noftz");
  d.takePrefix("L1::");
  d.takePrefix("L2::");
  static constexpr std::string_view names[] = {
      "add", "and", "or", "xor", "exch", "cas", "min", "max", "inc", "dec"};
  size_t op = 0;
  while (op < std::size(names) && !d.take(names[op]))
    ++op;
  if (op == std::size(names))
    d.fail("unsupported operation of '" + d.statement.opcode + "'");
  d.result.flags = uint8_t(op);
  std::string_view vector = d.takeAny({"v2", "v4", "v8"});
  d.result.count = vector.empty() ? 1 : uint8_t(vector[1] - '0');
  Type type = d.takeType();
  if (type.isFloat() && op != Add)
    d.fail("unsupported operation of '" + d.statement.opcode + "'");
  if (type.bits != 16 && type.bits != 32 && type.bits != 64)
    d.fail("unsupported type of '" + d.statement.opcode + "'");
  d.result.type = type;
  size_t next = 0;
  if (returns)
    for (const Operand &part : d.elements(next++))
      d.destination(part);
  d.address(next++);
  for (const Operand &part : d.elements(next++))
    d.source(part, type);
  if (op == CompareSwap)
    d.source(next, type);
  d.finish(atomic);
}

} // namespace

void ptx::addAtomicOpcodes(OpcodeTable &table) {
  table["atom"] = {decodeAtomic, Class::Atomic};
  table["red"] = {decodeAtomic, Class::Atomic};
}
