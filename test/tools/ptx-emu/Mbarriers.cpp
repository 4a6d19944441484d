//===- Mbarriers.cpp - the mbarrier objects of a CTA ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Mbarriers.h"

#include "Cta.h"
#include "Grid.h"

#include <utility>

using namespace ptx;

void Mbarriers::initialize(Warp &warp, const Instruction &in, unsigned lane,
                           uint64_t address, uint64_t count) {
  cta.shared(warp, in, lane, address, 8, 8, Access::Write);
  if (!count || count > Mbarrier::maximum)
    warp.fail(in, lane,
              "an mbarrier counts 1 to 1048575 arrivals, not " +
                  std::to_string(count));
  Mbarrier barrier;
  barrier.count = barrier.pending = uint32_t(count);
  if (!objects.try_emplace(address - cta.sharedStart, barrier).second)
    warp.fail(in, lane,
              "an mbarrier is here already, and no mbarrier.inval ended it");
}

void Mbarriers::invalidate(Warp &warp, const Instruction &in, unsigned lane,
                           uint64_t address) {
  find(warp, in, lane, address);
  cta.shared(warp, in, lane, address, 8, 8, Access::Write);
  objects.erase(address - cta.sharedStart);
}

Mbarrier &Mbarriers::find(Warp &warp, const Instruction &in, unsigned lane,
                          uint64_t address) {
  cta.shared(warp, in, lane, address, 8, 8, Access::Read, true);
  auto found = objects.find(address - cta.sharedStart);
  if (found == objects.end())
    warp.fail(in, lane,
              "shared offset " + std::to_string(address - cta.sharedStart) +
                  " holds no mbarrier: no mbarrier.init, or an mbarrier.inval "
                  "after it");
  return found->second;
}

static void requirePending(Warp &warp, const Instruction &in, unsigned lane,
                           const Mbarrier &barrier, uint64_t count) {
  if (!count || count + barrier.copyArrivals.size() > barrier.pending)
    warp.fail(
        in, lane,
        std::to_string(count) + " arrivals, but of the " +
            std::to_string(barrier.count) + " of the phase " +
            std::to_string(barrier.pending - barrier.copyArrivals.size()) +
            " are left");
}

void Mbarriers::arrive(Warp &warp, const Instruction &in, unsigned lane,
                       Mbarrier &barrier, uint64_t count, const Order *order) {
  requirePending(warp, in, lane, barrier, count);
  if (order)
    barrier.arrived.join(*order);
  barrier.pending -= uint32_t(count);
  settle(barrier);
}

void Mbarriers::expect(Warp &warp, const Instruction &in, unsigned lane,
                       Mbarrier &barrier, int64_t bytes) {
  barrier.transactions += bytes;
  if (std::abs(barrier.transactions) > int64_t(Mbarrier::maximum))
    warp.fail(in, lane,
              "the mbarrier's transaction count leaves its range: " +
                  std::to_string(barrier.transactions));
}

void Mbarriers::arriveAfterCopies(Warp &warp, const Instruction &in,
                                  unsigned lane, Mbarrier &barrier,
                                  bool increase, const Order &order) {
  if (increase && ++barrier.pending > Mbarrier::maximum)
    warp.fail(in, lane, "the mbarrier's pending count leaves its range");
  requirePending(warp, in, lane, barrier, 1);
  barrier.copyArrivals.push_back(
      {&warp, lane, warp.copies.startedCopies(), order});
  settle(barrier);
}

void Mbarriers::completeAfterCopy(Mbarrier &barrier, Mbarrier::BulkCopy copy) {
  barrier.bulkBytes += int64_t(copy.bytes.size());
  barrier.bulkCopies.push_back(std::move(copy));
  settle(barrier);
}

int32_t Mbarriers::unfinishedCopy() const {
  for (const auto &[offset, barrier] : objects)
    if (!barrier.bulkCopies.empty())
      return barrier.bulkCopies.front().who.line;
  return 0;
}

void Mbarriers::settle(Mbarrier &barrier) {
  if (barrier.copyArrivals.size() < barrier.pending ||
      barrier.bulkBytes < barrier.transactions)
    return;
  for (const Mbarrier::CopyArrival &arrival : barrier.copyArrivals) {
    Warp &warp = *arrival.warp;
    warp.copies.finishBefore(
        arrival.lane, arrival.copies, [&](const AsyncCopies::Copy &copy) {
          cta.finishAsync(warp, copy, arrival.order.clock[warp.raceIndex()]);
        });
    barrier.arrived.join(arrival.order);
    --barrier.pending;
  }
  barrier.copyArrivals.clear();
  for (const Mbarrier::BulkCopy &copy : barrier.bulkCopies) {
    cta.finishBulkCopy(copy);
    barrier.arrived.join(copy.order);
  }
  barrier.transactions -= std::exchange(barrier.bulkBytes, 0);
  barrier.bulkCopies.clear();
  if (barrier.transactions)
    return;
  ++barrier.phase;
  barrier.pending = barrier.count;
  barrier.completed = barrier.arrived;
  ++cta.grid.progress;
}
