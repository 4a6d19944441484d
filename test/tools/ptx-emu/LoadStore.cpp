//===- LoadStore.cpp - ld, st and prefetch --------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Access.h"
#include "Types.h"

using namespace ptx;

SharedPlace ptx::sharedPlace(Warp &warp, const Instruction &in, unsigned lane,
                             Space space, uint64_t address) {
  space = resolve(space, address);
  if (space == Space::Shared ||
      (space == Space::Cluster && !(address >> rankShift)))
    return {warp.cta, address};
  if (space != Space::Cluster)
    warp.fail(in, lane, "the address is not one of shared memory");
  uint64_t rank = (address >> rankShift) - 1;
  const std::vector<Cta *> &ctas = warp.cta.cluster->ctas;
  if (rank >= ctas.size())
    warp.fail(in, lane, "the cluster has no rank " + std::to_string(rank));
  if (!ctas[rank])
    warp.fail(in, lane,
              "rank " + std::to_string(rank) +
                  " of the cluster has exited: its shared memory is gone");
  return {*ctas[rank], address & ((uint64_t(1) << rankShift) - 1)};
}

uint8_t *ptx::access(Warp &warp, const Instruction &in, unsigned lane,
                     Space space, uint64_t address, unsigned size,
                     unsigned alignment, Access kind, bool strong) {
  space = resolve(space, address);
  if (space == Space::Shared || space == Space::Cluster) {
    SharedPlace place = sharedPlace(warp, in, lane, space, address);
    return place.cta.shared(warp, in, lane, place.address, size, alignment,
                            kind, strong);
  }
  if (address % alignment)
    warp.fail(in, lane,
              "address " + std::to_string(address) + " is not a multiple of " +
                  std::to_string(alignment));
  Grid &grid = warp.cta.grid;
  if (space == Space::Local)
    return warp.local(in, lane, address, size);
  if (space == Space::Param) {
    std::vector<uint8_t> &parameters = grid.launch.parameters;
    if (kind != Access::Read || address + size > parameters.size())
      warp.fail(in, lane, "access outside of the parameters");
    return parameters.data() + address;
  }
  uint8_t *bytes = grid.memory.find(address, size);
  if (!bytes)
    warp.fail(in, lane,
              "out of bounds: access of " + std::to_string(size) +
                  " bytes at " + grid.memory.describe(address));
  if (grid.memory.isLate(address) && !warp.hasWaitedForGrid)
    warp.fail(in, lane,
              "no griddepcontrol.wait before: the grid before may still use " +
                  grid.memory.describe(address));
  return bytes;
}

void ptx::count(Warp &warp, const Instruction &in, Lanes mask, Space space,
                unsigned size) {
  Counters *counters = warp.cta.grid.counters;
  if (!counters || !mask)
    return;
  uint64_t addresses[warpSize];
  unsigned used = 0;
  forLanes(mask, [&](unsigned lane) {
    uint64_t address = addressOf(warp, in, 0, lane);
    space = resolve(space, address);
    addresses[used++] = address;
  });
  if (space == Space::Shared || space == Space::Cluster)
    counters->shared(in, {addresses, used}, size);
  else if (space == Space::Global)
    counters->global(in, {addresses, used}, size);
}

namespace {

enum Flags : uint8_t {
  SignExtend = 1,
  Strong = 2,
  Wide = 4,
  Constant = 8,
  BeyondCta = 16, // the scope
  Ordering = 32   // acquire or release
};

/// Towards other CTAs.
GlobalOrder::Strength strengthOf(const Instruction &in) {
  using enum GlobalOrder::Strength;
  if (!(in.flags & Strong) || !(in.flags & BeyondCta))
    return Weak;
  return in.flags & Ordering ? Synchronizing : Relaxed;
}

void checkOrder(Warp &warp, const Instruction &in, unsigned lane, Space space,
                unsigned size) {
  uint64_t address = addressOf(warp, in, 0, lane);
  if (resolve(space, address) != Space::Global)
    return;
  Grid &grid = warp.cta.grid;
  if (auto writer =
          grid.order.load(warp.cta.number, address, size, strengthOf(in)))
    warp.fail(in, lane,
              "CTA " + std::to_string(*writer) + " wrote " +
                  grid.memory.describe(address) +
                  ", and this one has not acquired what that one released "
                  "after it");
}

void recordStore(Warp &warp, const Instruction &in, unsigned lane, Space space,
                 unsigned size) {
  uint64_t address = addressOf(warp, in, 0, lane);
  if (resolve(space, address) == Space::Global)
    warp.cta.grid.order.store(warp.cta.number, address, size, strengthOf(in));
}

/// ld.global.nc is for what does not change while the kernel runs, and that
/// begins before the grid before it has written its output.
void requireConstant(Warp &warp, const Instruction &in, unsigned lane) {
  const GlobalMemory &memory = warp.cta.grid.memory;
  uint64_t address = addressOf(warp, in, 0, lane);
  if (memory.isLate(address))
    warp.fail(in, lane,
              "the grid before may write " + memory.describe(address) +
                  " while this one runs, so .nc may not read it");
}

/// size: bytes of an element; count: elements; mode: the space.
void load(Warp &warp, const Instruction &in, Lanes mask) {
  unsigned total = in.size * in.count;
  Space space = Space(in.mode);
  count(warp, in, mask, space, total);
  forLanes(mask, [&](unsigned lane) {
    const uint8_t *bytes =
        access(warp, in, lane, space, addressOf(warp, in, 0, lane), total,
               total, Access::Read, in.flags & Strong);
    if (in.flags & Constant)
      requireConstant(warp, in, lane);
    checkOrder(warp, in, lane, space, total);
    // A b128 element fills two slots.
    unsigned step = std::min<unsigned>(in.size, 8);
    for (unsigned i = 0; i < in.destinations; ++i) {
      uint64_t value = 0;
      std::memcpy(&value, bytes + i * step, step);
      if (in.flags & SignExtend) {
        unsigned unused = 64 - 8 * step;
        value = uint64_t(int64_t(value << unused) >> unused);
        if (!(in.flags & Wide))
          value = uint32_t(value);
      }
      if (in.destination(i) > 1)
        warp.lanes(in.destination(i))[lane] = value;
    }
  });
  for (unsigned i = 0; i < in.destinations; ++i)
    warp.define(in.destination(i), mask);
  if (in.flags & Strong)
    warp.poll();
}

void store(Warp &warp, const Instruction &in, Lanes mask) {
  unsigned total = in.size * in.count, step = std::min<unsigned>(in.size, 8);
  Space space = Space(in.mode);
  count(warp, in, mask, space, total);
  bool changed = false;
  forLanes(mask, [&](unsigned lane) {
    uint8_t *bytes = access(warp, in, lane, space, addressOf(warp, in, 0, lane),
                            total, total, Access::Write, in.flags & Strong);
    recordStore(warp, in, lane, space, total);
    for (unsigned i = 1; i < in.sources; ++i) {
      const uint64_t value = warp.lanes(in.source(i))[lane];
      changed |= std::memcmp(bytes, &value, step) != 0;
      std::memcpy(bytes, &value, step);
      bytes += step;
    }
  });
  warp.cta.grid.progress += changed;
}

/// Consumes semantics, scope and cache hints.
void takeCaching(Decoder &d) {
  std::string_view semantics =
      d.takeAny({"weak", "relaxed", "acquire", "release", "volatile", "mmio"});
  std::string_view scope = d.takeAny({"cta", "cluster", "gpu", "sys"});
  if (!semantics.empty() && semantics != "weak")
    d.result.flags |= Strong;
  if (semantics == "volatile" || (!scope.empty() && scope != "cta"))
    d.result.flags |= BeyondCta;
  if (semantics == "acquire" || semantics == "release")
    d.result.flags |= Ordering;
  d.takeAny({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  if (d.take("nc"))
    d.result.flags |= Constant;
  d.takePrefix("L1::");
  d.takePrefix("L2::");
}

unsigned takeVector(Decoder &d) {
  std::string_view vector = d.takeAny({"v2", "v4", "v8"});
  return vector.empty() ? 1 : unsigned(vector[1] - '0');
}

Type decodeAccess(Decoder &d) {
  takeCaching(d);
  d.result.mode = uint8_t(d.takeSpace());
  d.result.count = uint8_t(takeVector(d));
  Type type = d.takeType();
  d.result.size = uint8_t(type.bytes());
  if (d.result.size * d.result.count > 32)
    d.fail("accesses have at most 32 bytes");
  return type;
}

void setClass(Decoder &d, Class global, Class shared) {
  Space space = Space(d.result.mode);
  d.result.klass = space == Space::Shared || space == Space::Cluster ? shared
                   : space == Space::Global || space == Space::Generic
                       ? global
                       : Class::OtherMemory;
}

void decodeLoad(Decoder &d) {
  Type type = decodeAccess(d);
  std::vector<Operand> parts = d.elements(0);
  if (parts.size() != d.result.count)
    d.fail("the vector has another length than the instruction says");
  for (const Operand &part : parts) {
    if (part.kind == Operand::Kind::Sink && type.bits == 128)
      d.fail("unsupported operand");
    d.destination(part);
    if (part.kind == Operand::Kind::Register && d.declaredType(part).bits == 64)
      d.result.flags |= Wide;
  }
  if (type.kind == Type::Signed)
    d.result.flags |= SignExtend;
  d.address(1);
  setClass(d, Class::LoadGlobal, Class::LoadShared);
  // A cache policy as the last operand is not looked at.
  d.finish(load);
}

void decodeStore(Decoder &d) {
  Type type = decodeAccess(d);
  d.address(0);
  std::vector<Operand> parts = d.elements(1);
  if (parts.size() != d.result.count)
    d.fail("the vector has another length than the instruction says");
  for (const Operand &part : parts)
    d.source(part, type);
  setClass(d, Class::StoreGlobal, Class::StoreShared);
  d.finish(store);
}

void nothing(Warp &, const Instruction &, Lanes) {}
void decodeHint(Decoder &d) {
  while (!d.remaining().empty())
    d.take(d.remaining());
  d.finish(nothing);
}

} // namespace

void ptx::addLoadStoreOpcodes(OpcodeTable &table) {
  table["ld"] = {decodeLoad, Class::LoadGlobal};
  table["ldu"] = {decodeLoad, Class::LoadGlobal};
  table["st"] = {decodeStore, Class::StoreGlobal};
  for (const char *name : {"prefetch", "prefetchu", "applypriority", "discard"})
    table[name] = {decodeHint, Class::OtherMemory};
}
