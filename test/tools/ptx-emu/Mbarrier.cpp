//===- Mbarrier.cpp - mbarrier and cp.async.mbarrier ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A state is the number of the phase; PTX leaves it open.
//
//===----------------------------------------------------------------------===//
#include "Access.h"
#include "Types.h"

using namespace ptx;

namespace {

enum Flags : uint8_t { Relaxed = 1, Expects = 2, Parity = 4, NoIncrease = 8 };

SharedPlace place(Warp &warp, const Instruction &in, unsigned lane) {
  return sharedPlace(warp, in, lane, Space(in.mode),
                     addressOf(warp, in, 0, lane));
}

void initialize(Warp &warp, const Instruction &in, Lanes mask) {
  forLanes(mask, [&](unsigned lane) {
    auto [cta, address] = place(warp, in, lane);
    cta.mbarriers.initialize(warp, in, lane, address,
                             warp.lanes(in.source(1))[lane]);
  });
  ++warp.cta.grid.progress;
}

void invalidate(Warp &warp, const Instruction &in, Lanes mask) {
  forLanes(mask, [&](unsigned lane) {
    auto [cta, address] = place(warp, in, lane);
    cta.mbarriers.invalidate(warp, in, lane, address);
  });
  ++warp.cta.grid.progress;
}

/// Sources: the address, then the count or, with .expect_tx, the bytes.
void arrive(Warp &warp, const Instruction &in, Lanes mask) {
  Order order = warp.cta.races.arrive(warp.raceIndex());
  forLanes(mask, [&](unsigned lane) {
    auto [cta, address] = place(warp, in, lane);
    Mbarriers &mbarriers = cta.mbarriers;
    Mbarrier &barrier = mbarriers.find(warp, in, lane, address);
    uint64_t state = barrier.phase;
    uint64_t operand =
        in.sources > 1 ? uint32_t(warp.lanes(in.source(1))[lane]) : 1;
    if (in.flags & Expects)
      mbarriers.expect(warp, in, lane, barrier, int64_t(operand));
    mbarriers.arrive(warp, in, lane, barrier, in.flags & Expects ? 1 : operand,
                     in.flags & Relaxed ? nullptr : &order);
    if (in.destinations)
      warp.lanes(in.destination())[lane] = state;
  });
  if (in.destinations)
    warp.define(in.destination(), mask);
  ++warp.cta.grid.progress;
}

/// expect_tx and, as a negative count, complete_tx.
template <int Sign>
void transact(Warp &warp, const Instruction &in, Lanes mask) {
  forLanes(mask, [&](unsigned lane) {
    auto [cta, address] = place(warp, in, lane);
    Mbarriers &mbarriers = cta.mbarriers;
    Mbarrier &barrier = mbarriers.find(warp, in, lane, address);
    mbarriers.expect(warp, in, lane, barrier,
                     Sign * int64_t(uint32_t(warp.lanes(in.source(1))[lane])));
    mbarriers.settle(barrier);
  });
  ++warp.cta.grid.progress;
}

/// test_wait and try_wait: true if the phase is complete.
void test(Warp &warp, const Instruction &in, Lanes mask) {
  const uint64_t *phases = warp.lanes(in.source(1));
  Lanes complete = 0;
  forLanes(mask, [&](unsigned lane) {
    auto [cta, address] = place(warp, in, lane);
    Mbarrier &barrier = cta.mbarriers.find(warp, in, lane, address);
    uint64_t phase = phases[lane];
    bool isComplete = barrier.phase != phase;
    if (in.flags & Parity) {
      if (uint32_t(phase) > 1)
        warp.fail(in, lane,
                  "a phase's parity is 0 or 1, not " +
                      std::to_string(uint32_t(phase)));
      isComplete = (barrier.phase & 1) != phase;
    } else if (phase > barrier.phase || phase + 1 < barrier.phase) {
      warp.fail(in, lane,
                "the state is of phase " + std::to_string(phase) +
                    ", the mbarrier is in phase " +
                    std::to_string(barrier.phase));
    }
    if (isComplete && !(in.flags & Relaxed))
      warp.cta.races.observe(warp.raceIndex(), barrier.completed);
    complete |= Lanes(isComplete) << lane;
  });
  warp.setPredicate(in.destination(), complete, mask);
  if (complete != mask)
    warp.poll();
}

void arriveAfterCopies(Warp &warp, const Instruction &in, Lanes mask) {
  Order order = warp.cta.races.arrive(warp.raceIndex());
  forLanes(mask, [&](unsigned lane) {
    auto [cta, address] = place(warp, in, lane);
    Mbarriers &mbarriers = cta.mbarriers;
    Mbarrier &barrier = mbarriers.find(warp, in, lane, address);
    mbarriers.arriveAfterCopies(warp, in, lane, barrier,
                                !(in.flags & NoIncrease), order);
  });
  ++warp.cta.grid.progress;
}

void decodeMbarrier(Decoder &d) {
  std::string_view semantics = d.takeAny({"release", "acquire", "relaxed"});
  d.takeAny({"cta", "cluster"});
  d.result.flags = semantics == "relaxed" ? Relaxed : 0;
  d.result.mode = uint8_t(d.takeSpace());
  if (!d.take("b64"))
    d.fail("expected .b64");
  Type count{Type::Unsigned, 32};
  std::string_view kind =
      d.takeAny({"init", "inval", "arrive", "test_wait", "try_wait"});
  if (Space(d.result.mode) == Space::Cluster &&
      (kind == "init" || kind == "inval" || kind.ends_with("wait")))
    d.fail("'" + std::string(kind) + "' is for mbarriers of the own CTA");
  if (kind == "init") {
    d.address(0);
    d.source(1, count);
    return d.finish(initialize);
  }
  if (kind == "inval") {
    d.address(0);
    return d.finish(invalidate);
  }
  if (kind == "arrive") {
    if (d.take("expect_tx"))
      d.result.flags |= Expects;
    // Without the state, for other CTAs of the cluster, the operand is _ or
    // not there at all.
    size_t next = d.operand(0).kind == Operand::Kind::Address ? 0 : 1;
    if (next && d.operand(0).kind != Operand::Kind::Sink) {
      if (Space(d.result.mode) == Space::Cluster)
        d.fail("an mbarrier of another CTA gives no state: write _");
      d.destination(size_t(0));
    }
    d.address(next++);
    if (next < d.operandCount())
      d.source(next, count);
    else if (d.result.flags & Expects)
      d.fail("expect_tx lacks the number of bytes");
    return d.finish(arrive);
  }
  if (kind.ends_with("wait")) {
    if (d.take("parity"))
      d.result.flags |= Parity;
    d.destination(size_t(0));
    d.address(1);
    d.source(2, d.result.flags & Parity ? count : Type{Type::Bits, 64});
    return d.finish(test); // a time limit is not looked at
  }
  bool expects = d.take("expect_tx");
  if (!expects && !d.take("complete_tx"))
    d.fail("unsupported instruction '" + d.statement.opcode + "'");
  d.address(0);
  d.source(1, count);
  d.finish(expects ? transact<1> : transact<-1>);
}

} // namespace

void ptx::decodeCopyArrival(Decoder &d) {
  if (!d.take("arrive"))
    d.fail("unsupported instruction '" + d.statement.opcode + "'");
  d.result.klass = Class::Mbarrier;
  d.result.flags = d.take("noinc") ? NoIncrease : 0;
  d.result.mode = uint8_t(d.takeSpace());
  if (!d.take("b64"))
    d.fail("expected .b64");
  d.address(0);
  d.finish(arriveAfterCopies);
}

void ptx::addMbarrierOpcodes(OpcodeTable &table) {
  table["mbarrier"] = {decodeMbarrier, Class::Mbarrier};
}
