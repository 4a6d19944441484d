//===- Cta.h - a block of threads: shared memory and barriers --*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_CTA_H
#define PTX_EMU_CTA_H

#include "Cluster.h"
#include "Mbarriers.h"
#include "Warp.h"

#include <memory>

namespace ptx {

class Grid;

enum class Access : uint8_t { Read, Write, Atomic };

class Cta {
public:
  /// The next CTA of the cluster.
  Cta(Grid &grid, uint64_t number, std::shared_ptr<Cluster> cluster);
  ~Cta() { cluster->ctas[rank] = nullptr; }

  /// Gives each warp a slice of time; false when all have exited.
  bool run(unsigned steps);

  // Shared memory. The address is an offset in the shared space.
  uint8_t *shared(Warp &warp, const Instruction &in, unsigned lane,
                  uint64_t address, unsigned size, unsigned alignment,
                  Access access, bool strong = false);
  /// Marks the destination of an asynchronous copy; `isBulk`: by the async
  /// proxy.
  void beginAsync(Warp &warp, const Instruction &in, unsigned lane,
                  uint64_t address, unsigned size, unsigned alignment,
                  bool isBulk = false);
  void finishAsync(Warp &warp, const AsyncCopies::Copy &copy, uint32_t time);
  void finishBulkCopy(const Mbarrier::BulkCopy &copy);
  uint64_t sharedBytes() const { return sharedMemory.size(); }

  // Barriers.
  struct Arrival {
    unsigned barrier = 0;
    unsigned threads = 0; ///< 0: all of the CTA
    bool waits = true;
    Lanes predicate = 0; ///< bar.red: what the lanes contribute
  };
  void arrive(Warp &warp, const Instruction &in, Lanes mask, Arrival arrival);
  void threadsExited();
  unsigned threadsAlive() const;
  void synchronizeLanes(Warp &warp) {
    races.synchronizeLanes(warp.raceIndex());
  }

  // wgmma. The warps of a warpgroup wait for each other at the instruction;
  // the last to come executes it for all: true for this one.
  bool gather(Warp &warp, const Instruction &in);
  /// The bytes of the shared memory at one piece of 16 that wgmma reads.
  const uint8_t *matrixPiece(Warp &warp, const Instruction &in, unsigned read,
                             uint64_t address);

  /// One line for each warp that cannot move: where it is.
  std::string describeWaiting() const;

  Grid &grid;
  const uint64_t number;
  unsigned id[3];
  const std::shared_ptr<Cluster> cluster;
  const unsigned rank;        ///< in the cluster
  const uint64_t sharedStart; ///< Program::sharedStart
  /// Of this CTA in the numbering of the race detector.
  const unsigned firstWarp;
  const uint64_t firstByte;
  RaceDetector &races;
  std::vector<std::unique_ptr<Warp>> warps;
  Mbarriers mbarriers;

private:
  struct Barrier {
    unsigned arrived = 0; ///< threads
    unsigned expected = 0;
    bool isOpen = false;
    int line = 0;
    std::vector<std::pair<Warp *, const Instruction *>> waiting;
    unsigned count = 0; ///< of true predicates
    Order order;
  };
  struct Warpgroup {
    const Instruction *at = nullptr;
    unsigned arrived = 0;
  };
  void release(Barrier &barrier);

  std::vector<uint8_t> sharedMemory;
  std::array<Barrier, 16> barriers;
  std::array<Warpgroup, maxWarps / 4> warpgroups;
};

/// Gives the lanes of a warp the result of bar.red.
void finishReduction(Warp &warp, const Instruction &in, unsigned trueCount,
                     unsigned threads);

} // namespace ptx

#endif // PTX_EMU_CTA_H
