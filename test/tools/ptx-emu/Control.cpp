//===- Control.cpp - branches, barriers, fences ---------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Cta.h"
#include "Grid.h"
#include "Types.h"

using namespace ptx;

namespace {

void branch(Warp &warp, const Instruction &in, Lanes mask) {
  warp.branch(in, mask);
}

void decodeBranch(Decoder &d) {
  d.take("uni");
  d.label(0);
  d.finish(branch);
}

void exit(Warp &warp, const Instruction &, Lanes mask) { warp.exit(mask); }

void decodeExit(Decoder &d) {
  d.take("uni");
  d.finish(exit);
}

void trap(Warp &warp, const Instruction &in, Lanes mask) {
  warp.fail(in, std::countr_zero(mask), "the kernel stopped itself");
}
void decodeTrap(Decoder &d) { d.finish(trap); }

void nothing(Warp &, const Instruction &, Lanes) {}

void fenceProxy(Warp &warp, const Instruction &, Lanes mask) {
  warp.cta.races.fenceProxy(warp.raceIndex(), mask, mask == warp.alive());
}

void fence(Warp &warp, const Instruction &, Lanes) {
  warp.cta.grid.order.fence(warp.cta.number);
}

void decodeFence(Decoder &d) {
  bool isProxy = d.take("proxy");
  bool orders = isProxy && d.take("async") && !d.take("global");
  bool isMemory = !isProxy && !d.take("mbarrier_init");
  d.takeAny({"sc", "acq_rel", "acquire", "release"});
  bool isOfCta = d.take("cta");
  while (!d.remaining().empty())
    d.take(d.remaining());
  d.finish(orders ? fenceProxy : isMemory && !isOfCta ? fence : nothing);
}

/// setmaxnreg: registers are not limited here.
void decodeRegisterCount(Decoder &d) {
  if (d.takeAny({"inc", "dec"}).empty() || !d.take("sync") ||
      !d.take("aligned") || !d.take("u32"))
    d.fail("expected setmaxnreg.{inc,dec}.sync.aligned.u32");
  int64_t count = d.integer(0);
  if (count < 24 || count > 256 || count % 8)
    d.fail("setmaxnreg takes a multiple of 8 from 24 to 256");
  d.finish(nothing);
}

void waitForGrid(Warp &warp, const Instruction &in, Lanes mask) {
  if (mask != warp.alive())
    warp.fail(in, std::countr_zero(warp.alive() & ~mask),
              "this lane is on another path than the lanes that wait");
  warp.hasWaitedForGrid = true;
}

void decodeDependency(Decoder &d) {
  std::string_view kind = d.takeAny({"wait", "launch_dependents"});
  if (kind.empty())
    d.fail("expected .wait or .launch_dependents");
  d.finish(kind == "wait" ? waitForGrid : nothing);
}

void sleep(Warp &warp, const Instruction &, Lanes) { warp.yield(); }
void decodeSleep(Decoder &d) {
  d.takeType();
  d.source(0, {Type::Unsigned, 32});
  d.finish(sleep);
}

enum Reduction : uint8_t { NoReduction, Count, All, Any };

/// Operands: [result,] barrier, [threads,] [predicate]; count tells how many
/// numbers there are.
void barrier(Warp &warp, const Instruction &in, Lanes mask) {
  unsigned first = std::countr_zero(mask);
  Cta::Arrival arrival;
  arrival.waits = in.flags;
  arrival.barrier = unsigned(warp.lanes(in.source(0))[first]);
  if (in.count > 1)
    arrival.threads = unsigned(warp.lanes(in.source(1))[first]);
  if (in.mode)
    arrival.predicate = warp.predicateSource(in, in.count);
  warp.cta.arrive(warp, in, mask, arrival);
}

void warpBarrier(Warp &warp, const Instruction &in, Lanes mask) {
  const uint64_t *members = warp.lanes(in.source());
  forLanes(mask, [&](unsigned lane) {
    Lanes missing = Lanes(members[lane]) & warp.alive() & ~mask;
    if (missing)
      warp.fail(
          in, std::countr_zero(missing),
          "barrier divergence: the lane is a member, but on another path");
  });
  warp.cta.synchronizeLanes(warp);
}

void decodeBarrier(Decoder &d) {
  if (d.take("cluster"))
    return decodeClusterBarrier(d);
  d.take("cta");
  d.take("aligned");
  if (d.take("warp")) {
    d.take("sync");
    d.source(0, {Type::Bits, 32});
    return d.finish(warpBarrier);
  }
  std::string_view kind = d.takeAny({"sync", "arrive", "red"});
  d.result.flags = kind != "arrive";
  size_t first = 0;
  if (kind == "red") {
    std::string_view op = d.takeAny({"popc", "and", "or"});
    d.takeType();
    d.result.mode = op == "popc" ? Count : op == "and" ? All : Any;
    d.destination(first++);
  }
  size_t last = d.operandCount() - (kind == "red");
  for (size_t i = first; i < last; ++i)
    d.source(i, {Type::Unsigned, 32});
  d.result.count = uint8_t(last - first);
  if (kind == "red")
    d.source(last, {Type::Predicate, 1});
  d.finish(barrier);
}

} // namespace

void ptx::finishReduction(Warp &warp, const Instruction &in, unsigned trueCount,
                          unsigned threads) {
  Lanes lanes = warp.alive();
  if (in.mode != Count) {
    bool value = in.mode == All ? trueCount == threads : trueCount > 0;
    warp.setPredicate(in.destination(), value ? allLanes : 0, lanes);
    return;
  }
  uint64_t *d = warp.lanes(in.destination());
  forLanes(lanes, [&](unsigned lane) { d[lane] = trueCount; });
  warp.define(in.destination(), lanes);
}

void ptx::addControlOpcodes(OpcodeTable &table) {
  table["bra"] = {decodeBranch, Class::Control};
  table["ret"] = table["exit"] = {decodeExit, Class::Control};
  table["trap"] = table["brkpt"] = {decodeTrap, Class::Control};
  table["bar"] = table["barrier"] = {decodeBarrier, Class::Synchronization};
  table["setmaxnreg"] = {decodeRegisterCount, Class::Synchronization};
  // Memory is sequentially consistent here, and caches do not exist; fences are
  // for the race detector and for GlobalOrder.
  for (const char *name : {"membar", "fence"})
    table[name] = {decodeFence, Class::Synchronization};
  // A grid runs alone, but buffers may be marked as those of the grid before.
  table["griddepcontrol"] = {decodeDependency, Class::Synchronization};
  table["nanosleep"] = {decodeSleep, Class::Synchronization};
}
