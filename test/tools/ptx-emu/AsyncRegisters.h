//===- AsyncRegisters.h - registers that wgmma holds -----------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// From a wgmma.mma_async to a wgmma.wait_group that covers it, no other
// instruction may read or write its accumulators and its registers of A; only
// another one of the same shape may go on with the accumulators, or share A.
// What others accessed before needs a wgmma.fence (PTX ISA, "wgmma.fence").
// Registers are slots of one warp.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_ASYNC_REGISTERS_H
#define PTX_EMU_ASYNC_REGISTERS_H

#include "Program.h"

namespace ptx {

class AsyncRegisters {
public:
  explicit AsyncRegisters(Slot slots) : uses(slots) {}

  void fence() { ++fences; }
  void commit() { ++committed; }
  uint32_t groups() const { return committed; }

  /// Another instruction accesses its operands; fails if wgmma holds one.
  void access(const Warp &warp, const Instruction &in);
  /// A wgmma takes its accumulators (the destinations) and the sources from
  /// `firstA` on; `read` is its read of shared memory.
  void start(const Warp &warp, const Instruction &in, unsigned firstA,
             unsigned read);
  /// Gives back what all but the newest `remaining` groups hold, and calls
  /// `ended` with their reads.
  template <typename F> void wait(unsigned remaining, F ended) {
    std::vector<Pending> kept;
    for (const Pending &pending : running) {
      if (pending.group + remaining < committed) {
        release(pending);
        ended(pending.read);
      } else {
        kept.push_back(pending);
      }
    }
    running.swap(kept);
  }

private:
  struct Use {
    uint32_t touched = 0; ///< number of fences before the last other access
    uint32_t pending = 0; ///< wgmmas that hold the slot
    const Instruction *by = nullptr;
    bool isAccumulator = false;
  };
  struct Pending {
    const Instruction *in;
    unsigned firstA, read;
    uint32_t group;
  };
  void take(const Warp &warp, const Instruction &in, Slot slot,
            bool isAccumulator);
  void release(const Pending &pending);

  std::vector<Use> uses;
  std::vector<Pending> running;
  uint32_t fences = 0, committed = 0;
};

} // namespace ptx

#endif // PTX_EMU_ASYNC_REGISTERS_H
