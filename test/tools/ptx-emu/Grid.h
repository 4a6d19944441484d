//===- Grid.h - a launch of a kernel and the order of its CTAs -*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_GRID_H
#define PTX_EMU_GRID_H

#include "Counters.h"
#include "Cta.h"
#include "GlobalOrder.h"
#include "Memory.h"

namespace ptx {

struct Launch {
  unsigned grid[3] = {1, 1, 1};
  unsigned block[3] = {1, 1, 1};
  uint64_t dynamicShared = 0;
  /// CTAs that run at the same time, 0 for all; the next one starts when one
  /// has ended.
  uint64_t resident = 0;
  /// Stops with an error after so many instructions of warps.
  uint64_t limit = uint64_t(4) << 30;
  /// CTAs of a cluster, along x; 0: what the entry requires, or 1.
  unsigned cluster = 0;
  bool allowUndefined = false; ///< reads of registers that were never written
  std::vector<uint8_t> parameters;

  /// Appends one parameter of a kernel, aligned to its size.
  template <typename T> void push(T value) {
    parameters.resize((parameters.size() + sizeof(T) - 1) / sizeof(T) *
                      sizeof(T));
    const auto *bytes = reinterpret_cast<const uint8_t *>(&value);
    parameters.insert(parameters.end(), bytes, bytes + sizeof(T));
  }
  unsigned threads() const { return block[0] * block[1] * block[2]; }
  unsigned warps() const { return (threads() + warpSize - 1) / warpSize; }
  uint64_t ctas() const { return uint64_t(grid[0]) * grid[1] * grid[2]; }
};

class Grid {
public:
  /// Checks the launch against the entry; throws Error.
  Grid(const Program &program, const Launch &launch, GlobalMemory &memory,
       Counters *counters = nullptr);

  /// Runs all CTAs to their end; throws Error at the first violation.
  void run();

  uint64_t sharedBytes() const;

  const Program &program;
  Launch launch;
  GlobalMemory &memory;
  Counters *counters;
  GlobalOrder order;
  uint64_t executed = 0; ///< instructions of warps
  /// Counts what can end somebody's polling: changes of memory, released
  /// barriers, exits.
  uint64_t progress = 0;

private:
  void check() const;
  void fail(const std::string &message) const;
  /// Every warp waits or has polled for long without any progress.
  bool isStuck(const std::vector<std::unique_ptr<Cta>> &running) const;
};

} // namespace ptx

#endif // PTX_EMU_GRID_H
