//===- AsyncRegisters.cpp - registers that wgmma holds --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "AsyncRegisters.h"

#include "Cta.h"
#include "Grid.h"

using namespace ptx;

static std::string nameOf(const Warp &warp, Slot slot) {
  return "register " + warp.cta.grid.program.registerName(slot);
}

void AsyncRegisters::access(const Warp &warp, const Instruction &in) {
  for (unsigned i = 0; i < unsigned(in.destinations) + in.sources; ++i) {
    Use &use = uses[in.operands[i]];
    use.touched = fences;
    if (use.pending && in.operands[i] > 1)
      warp.fail(in, 0,
                nameOf(warp, in.operands[i]) + " is " +
                    (use.isAccumulator ? "an accumulator" : "a part of A") +
                    " of the wgmma at line " + std::to_string(use.by->line) +
                    ", and no wgmma.wait_group has waited for it");
  }
}

void AsyncRegisters::take(const Warp &warp, const Instruction &in, Slot slot,
                          bool isAccumulator) {
  Use &use = uses[slot];
  if (!use.pending && use.touched == fences)
    warp.fail(in, 0,
              fences ? nameOf(warp, slot) + " was accessed by another "
                                            "instruction after the last "
                                            "wgmma.fence"
                     : "no wgmma.fence before the first wgmma");
  if (use.pending && (use.isAccumulator != isAccumulator ||
                      (isAccumulator && use.by->size != in.size)))
    warp.fail(in, 0,
              nameOf(warp, slot) + " is " +
                  (use.isAccumulator ? "an accumulator" : "a part of A") +
                  " of the wgmma at line " + std::to_string(use.by->line) +
                  ", which is not waited for and uses it in another way");
  ++use.pending;
  use.by = &in;
  use.isAccumulator = isAccumulator;
}

void AsyncRegisters::start(const Warp &warp, const Instruction &in,
                           unsigned firstA, unsigned read) {
  for (unsigned i = 0; i < in.destinations; ++i)
    take(warp, in, in.destination(i), true);
  for (unsigned i = firstA; i < in.sources; ++i)
    take(warp, in, in.source(i), false);
  running.push_back({&in, firstA, read, committed});
}

void AsyncRegisters::release(const Pending &pending) {
  const Instruction &in = *pending.in;
  for (unsigned i = 0; i < in.destinations; ++i)
    --uses[in.destination(i)].pending;
  for (unsigned i = pending.firstA; i < in.sources; ++i)
    --uses[in.source(i)].pending;
}
