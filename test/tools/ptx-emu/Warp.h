//===- Warp.h - the state and control flow of 32 threads -------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The lanes of a warp run in lockstep. A divergent branch splits them; they
// meet again at the branch's immediate post-dominator (the stack of masks of
// the first GPUs). A path of a divergent branch therefore cannot wait for the
// other: a lock that lanes of one warp fight for is reported as a deadlock.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_WARP_H
#define PTX_EMU_WARP_H

#include "AsyncCopy.h"
#include "AsyncRegisters.h"
#include "Program.h"

#include <bit>
#include <memory>
#include <string>

namespace ptx {

class Cta;

class Warp {
public:
  Warp(Cta &cta, unsigned index, Lanes exists);

  enum class Status : uint8_t { Ready, Waiting, Done };
  /// Executes up to `steps` instructions, fewer at a barrier or while polling.
  Status run(unsigned steps);

  // Registers.
  uint64_t *lanes(Slot slot) {
    return registers.data() + size_t(slot) * warpSize;
  }
  Lanes predicate(Slot slot) { return Lanes(*lanes(slot)); }
  /// The predicate of a source, with its negation applied.
  Lanes predicateSource(const Instruction &in, unsigned source) {
    return predicate(in.source(source)) ^ (in.negated >> source & 1 ? ~0u : 0u);
  }
  void setPredicate(Slot slot, Lanes value, Lanes mask) {
    uint64_t &bits = *lanes(slot);
    bits = (bits & ~mask) | (value & mask);
    defined[slot] |= mask;
  }
  void define(Slot slot, Lanes mask) { defined[slot] |= mask; }
  Lanes undefined(Slot slot) const { return ~defined[slot]; }

  // Control flow, called by instructions.
  void branch(const Instruction &in, Lanes taken);
  void exit(Lanes lanes);
  void wait() { isWaiting = true; }
  void resume() { isWaiting = false; }
  bool waiting() const { return isWaiting; }
  /// Ends the slice of time: others must move before polling again helps.
  void yield() { yielded = true; }
  /// A read of memory that did not show a change; see Grid::isStuck.
  void poll();
  Lanes active() const { return stack.back().mask; }
  Lanes alive() const { return aliveLanes; }
  /// Fails unless all 32 lanes execute the instruction.
  void requireWhole(const Instruction &in, Lanes mask);

  [[noreturn]] void fail(const Instruction &in, unsigned lane,
                         const std::string &message) const;
  /// The instruction that is executed or waited at.
  const Instruction &current() const { return *executing; }
  unsigned thread(unsigned lane) const { return index * warpSize + lane; }
  /// Numbers for the race detector, which are those of the cluster.
  unsigned raceIndex() const;
  uint16_t raceThread(unsigned lane) const {
    return uint16_t(raceIndex() * warpSize + lane);
  }
  uint8_t *local(const Instruction &in, unsigned lane, uint64_t address,
                 uint64_t size);

  Cta &cta;
  const unsigned index;
  AsyncCopies copies;
  /// What wgmma does with the registers; null if the entry has none.
  std::unique_ptr<AsyncRegisters> asyncRegisters;
  uint32_t carry = 0; ///< one bit for each lane
  uint64_t polls = 0, pollProgress = 0;
  /// Phases of the cluster's barrier that the warp has arrived at and waited
  /// for.
  uint64_t clusterArrivals = 0, clusterWaits = 0;
  bool hasWaitedForGrid = false; ///< griddepcontrol.wait

private:
  struct Frame {
    int32_t pc, reconverge;
    Lanes mask;
  };

  /// A constant or special register, as a thread has it from the start.
  uint64_t valueOf(const InitialSlot &initial, unsigned lane) const;
  void initialize();
  void checkSources(const Instruction &in, Lanes mask) const;

  std::vector<uint64_t> registers;
  std::vector<Lanes> defined;
  std::vector<uint8_t> localBytes;
  std::vector<Frame> stack;
  Lanes aliveLanes;
  const Instruction *executing = nullptr;
  bool isWaiting = false, yielded = false;
};

/// Calls `action(lane)` for each lane of the mask.
template <typename F> inline void forLanes(Lanes mask, F action) {
  if (mask == allLanes) {
    for (unsigned lane = 0; lane < warpSize; ++lane)
      action(lane);
    return;
  }
  for (; mask; mask &= mask - 1)
    action(unsigned(std::countr_zero(mask)));
}

/// d = F(sources...) in each lane.
template <auto F, unsigned N>
void elementwise(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *s[N];
  for (unsigned i = 0; i < N; ++i)
    s[i] = warp.lanes(in.source(i));
  forLanes(mask, [&](unsigned lane) {
    if constexpr (N == 1)
      d[lane] = F(s[0][lane]);
    else if constexpr (N == 2)
      d[lane] = F(s[0][lane], s[1][lane]);
    else if constexpr (N == 3)
      d[lane] = F(s[0][lane], s[1][lane], s[2][lane]);
    else
      d[lane] = F(s[0][lane], s[1][lane], s[2][lane], s[3][lane]);
  });
  warp.define(in.destination(), mask);
}

} // namespace ptx

#endif // PTX_EMU_WARP_H
