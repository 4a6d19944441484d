//===- Mbarriers.h - the mbarrier objects of a CTA -------------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A phase is complete when its arrivals and transactions are (PTX ISA, "Phase
// Completion of the mbarrier object"). What asynchronous copies contribute
// comes as late as it may: the bytes and the arrivals of all copies that an
// mbarrier tracks come together, when nothing else is missing for the phase.
//
// Arrivals release and successful waits acquire, for the warp as a whole.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_MBARRIERS_H
#define PTX_EMU_MBARRIERS_H

#include "Program.h"
#include "RaceDetector.h"

#include <map>

namespace ptx {

class Cta;

struct Mbarrier {
  static constexpr uint32_t maximum = (1u << 20) - 1;

  uint32_t count = 0;       ///< arrivals of a phase
  uint32_t pending = 0;     ///< arrivals that the phase still lacks
  int64_t transactions = 0; ///< bytes that the phase still lacks
  uint64_t phase = 0;
  Order arrived;   ///< what the arrivals so far release
  Order completed; ///< the same at the end of the last phase

  /// cp.async.mbarrier.arrive: waits for earlier cp.async of its lane.
  struct CopyArrival {
    Warp *warp;
    unsigned lane;
    uint32_t copies; ///< AsyncCopies::startedCopies()
    Order order;
  };
  std::vector<CopyArrival> copyArrivals;

  /// cp.async.bulk: a write of the async proxy.
  struct BulkCopy {
    uint64_t offset; ///< in shared memory
    std::vector<uint8_t> bytes;
    RaceDetector::Access who;
    Order order; ///< of the warp that issued it
  };
  std::vector<BulkCopy> bulkCopies;
  int64_t bulkBytes = 0; ///< of all bulkCopies
};

class Mbarriers {
public:
  explicit Mbarriers(Cta &cta) : cta(cta) {}

  void initialize(Warp &warp, const Instruction &in, unsigned lane,
                  uint64_t address, uint64_t count);
  void invalidate(Warp &warp, const Instruction &in, unsigned lane,
                  uint64_t address);
  /// The object at an address; fails if there is none.
  Mbarrier &find(Warp &warp, const Instruction &in, unsigned lane,
                 uint64_t address);
  void arrive(Warp &warp, const Instruction &in, unsigned lane,
              Mbarrier &barrier, uint64_t count, const Order *order);
  /// Expects `bytes` more, or fewer if they are negative.
  void expect(Warp &warp, const Instruction &in, unsigned lane,
              Mbarrier &barrier, int64_t bytes);
  void arriveAfterCopies(Warp &warp, const Instruction &in, unsigned lane,
                         Mbarrier &barrier, bool increase, const Order &order);
  void completeAfterCopy(Mbarrier &barrier, Mbarrier::BulkCopy copy);
  /// Delivers what copies contribute if it is all that the phase lacks, and
  /// completes the phase.
  void settle(Mbarrier &barrier);

  /// The line of a bulk copy whose phase is not complete; 0: there is none.
  int32_t unfinishedCopy() const;

  bool overlap(uint64_t offset, unsigned size) const {
    if (objects.empty())
      return false;
    auto next = objects.lower_bound(offset + size);
    return next != objects.begin() && std::prev(next)->first + 8 > offset;
  }

private:
  Cta &cta;
  std::map<uint64_t, Mbarrier> objects; ///< by offset in shared memory
};

} // namespace ptx

#endif // PTX_EMU_MBARRIERS_H
