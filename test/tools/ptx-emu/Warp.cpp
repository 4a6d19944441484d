//===- Warp.cpp - the state and control flow of 32 threads ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Warp.h"

#include "Cta.h"
#include "Grid.h"

using namespace ptx;

Warp::Warp(Cta &cta, unsigned index, Lanes exists)
    : cta(cta), index(index), aliveLanes(exists) {
  const Program &program = cta.grid.program;
  registers.resize(size_t(program.slots) * warpSize);
  defined.resize(program.slots);
  localBytes.resize(program.entry->localBytes * warpSize);
  stack.push_back({0, -1, exists});
  if (program.hasAsyncMatrix)
    asyncRegisters = std::make_unique<AsyncRegisters>(program.slots);
  initialize();
}

uint64_t Warp::valueOf(const InitialSlot &initial, unsigned lane) const {
  const Launch &launch = cta.grid.launch;
  const unsigned id = thread(lane);
  switch (initial.special) {
  case Special::Constant:
    return initial.value;
  case Special::TidX:
    return id % launch.block[0];
  case Special::TidY:
    return id / launch.block[0] % launch.block[1];
  case Special::TidZ:
    return id / launch.block[0] / launch.block[1];
  case Special::NtidX:
    return launch.block[0];
  case Special::NtidY:
    return launch.block[1];
  case Special::NtidZ:
    return launch.block[2];
  case Special::CtaidX:
    return cta.id[0];
  case Special::CtaidY:
    return cta.id[1];
  case Special::CtaidZ:
    return cta.id[2];
  case Special::NctaidX:
    return launch.grid[0];
  case Special::NctaidY:
    return launch.grid[1];
  case Special::NctaidZ:
    return launch.grid[2];
  case Special::LaneId:
    return lane;
  case Special::WarpId:
    return index;
  case Special::NWarpId:
    return launch.warps();
  case Special::SmId:
    return cta.number % launch.resident;
  case Special::NSmId:
    return launch.resident;
  case Special::LaneMaskEq:
    return 1u << lane;
  case Special::LaneMaskLt:
    return (1u << lane) - 1;
  case Special::LaneMaskLe:
    return (2u << lane) - 1;
  case Special::LaneMaskGt:
    return ~((2u << lane) - 1);
  case Special::LaneMaskGe:
    return ~((1u << lane) - 1);
  case Special::ClusterRank:
    return cta.rank;
  case Special::ClusterSize:
    return launch.cluster;
  case Special::ClusterIdX:
    return cta.id[0] / launch.cluster;
  case Special::NClusterIdX:
    return launch.grid[0] / launch.cluster;
  case Special::Zero:
    return 0;
  case Special::One:
    return 1;
  case Special::DynamicSharedSize:
    return launch.dynamicShared;
  case Special::TotalSharedSize:
    return cta.sharedBytes();
  }
  return 0;
}

void Warp::initialize() {
  for (const InitialSlot &initial : cta.grid.program.initial) {
    uint64_t *values = lanes(initial.slot);
    defined[initial.slot] = allLanes;
    for (unsigned lane = 0; lane < warpSize; ++lane)
      values[lane] = valueOf(initial, lane);
  }
}

unsigned Warp::raceIndex() const { return cta.firstWarp + index; }

Warp::Status Warp::run(unsigned steps) {
  if (stack.empty())
    return Status::Done;
  if (isWaiting)
    return Status::Waiting;
  const Instruction *code = cta.grid.program.code.data();
  Counters *counters = cta.grid.counters;
  yielded = false;
  for (; steps; --steps) {
    while (stack.back().pc == stack.back().reconverge || !stack.back().mask) {
      stack.pop_back();
      if (stack.empty())
        return Status::Done;
    }
    Frame &frame = stack.back();
    const Instruction &in = code[frame.pc++];
    executing = &in;
    Lanes mask = frame.mask;
    if (in.guard >= 0) {
      if (mask & ~defined[in.guard])
        checkSources(in, mask);
      mask &= predicate(in.guard) ^ (in.guardNegated ? allLanes : 0);
    }
    ++cta.grid.executed;
    if (counters)
      counters->count(&in - code, mask);
    if (!mask)
      continue;
    Lanes known = allLanes;
    for (unsigned i = 0; i < in.sources; ++i)
      known &= defined[in.source(i)];
    if (mask & ~known)
      checkSources(in, mask);
    if (asyncRegisters && in.klass != Class::AsyncMatrix)
      asyncRegisters->access(*this, in);
    in.execute(*this, in, mask);
    if (isWaiting)
      return Status::Waiting;
    if (yielded)
      break;
  }
  return stack.empty() ? Status::Done : Status::Ready;
}

void Warp::checkSources(const Instruction &in, Lanes mask) const {
  if (cta.grid.launch.allowUndefined)
    return;
  if (in.guard >= 0)
    if (Lanes wrong = mask & ~defined[in.guard])
      fail(in, std::countr_zero(wrong), "the guard was never written");
  for (unsigned i = 0; i < in.sources; ++i)
    if (Lanes wrong = mask & ~defined[in.source(i)])
      fail(in, std::countr_zero(wrong),
           "reads register " + cta.grid.program.registerName(in.source(i)) +
               ", which was never written");
}

void Warp::branch(const Instruction &in, Lanes taken) {
  Frame &frame = stack.back();
  Lanes fallen = frame.mask & ~taken;
  if (!fallen) {
    frame.pc = in.target;
    return;
  }
  Frame taking{in.target, in.reconverge, taken};
  Frame falling{frame.pc, in.reconverge, fallen};
  if (in.reconverge >= 0) {
    frame.pc = in.reconverge;
    if (falling.pc != in.reconverge)
      stack.push_back(falling);
  } else {
    frame = falling; // the paths never meet again
  }
  if (taking.pc != in.reconverge)
    stack.push_back(taking);
}

void Warp::exit(Lanes lanes) {
  for (Frame &frame : stack)
    frame.mask &= ~lanes;
  aliveLanes &= ~lanes;
  cta.threadsExited();
}

void Warp::poll() {
  uint64_t progress = cta.grid.progress;
  polls = pollProgress == progress ? polls + 1 : 1;
  pollProgress = progress;
  yield();
}

void Warp::requireWhole(const Instruction &in, Lanes mask) {
  if (mask != allLanes)
    fail(in, std::countr_zero(~mask),
         aliveLanes != allLanes
             ? "needs all lanes of the warp, and some have exited or do not "
               "exist"
             : "needs all lanes of the warp, and some are on another path");
}

void Warp::fail(const Instruction &in, unsigned lane,
                const std::string &message) const {
  const Launch &launch = cta.grid.launch;
  unsigned id = thread(lane);
  auto triple = [](unsigned x, unsigned y, unsigned z) {
    return "(" + std::to_string(x) + "," + std::to_string(y) + "," +
           std::to_string(z) + ")";
  };
  throw Error(in.line, "CTA " + triple(cta.id[0], cta.id[1], cta.id[2]) +
                           " thread " +
                           triple(id % launch.block[0],
                                  id / launch.block[0] % launch.block[1],
                                  id / launch.block[0] / launch.block[1]) +
                           ": " + in.opcode + ": " + message);
}

uint8_t *Warp::local(const Instruction &in, unsigned lane, uint64_t address,
                     uint64_t size) {
  uint64_t bytes = cta.grid.program.entry->localBytes;
  if (address + size > bytes || address + size < address)
    fail(in, lane,
         "access of " + std::to_string(size) + " bytes at " +
             std::to_string(address) + " of " + std::to_string(bytes) +
             " bytes of local memory");
  return localBytes.data() + lane * bytes + address;
}
