//===- Cta.cpp - a block of threads: shared memory and barriers -----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Cta.h"

#include "Grid.h"

using namespace ptx;

Cta::Cta(Grid &grid, uint64_t number, std::shared_ptr<Cluster> shared)
    : grid(grid), number(number), cluster(std::move(shared)),
      rank(cluster->add(*this)), sharedStart(grid.program.sharedStart),
      firstWarp(rank * cluster->warpsPerCta),
      firstByte(rank * cluster->bytesPerCta), races(cluster->races),
      mbarriers(*this), sharedMemory(grid.sharedBytes(), 0xff) {
  const Launch &launch = grid.launch;
  id[0] = unsigned(number % launch.grid[0]);
  id[1] = unsigned(number / launch.grid[0] % launch.grid[1]);
  id[2] = unsigned(number / launch.grid[0] / launch.grid[1]);
  unsigned threads = launch.threads();
  for (unsigned warp = 0; warp < launch.warps(); ++warp) {
    unsigned left = threads - warp * warpSize;
    warps.push_back(std::make_unique<Warp>(
        *this, warp, left >= warpSize ? allLanes : (1u << left) - 1));
  }
}

bool Cta::run(unsigned steps) {
  bool any = false;
  for (auto &warp : warps)
    any |= warp->run(steps) != Warp::Status::Done;
  return any;
}

uint8_t *Cta::shared(Warp &warp, const Instruction &in, unsigned lane,
                     uint64_t address, unsigned size, unsigned alignment,
                     Access access, bool strong) {
  if (address < sharedStart ||
      address + size > sharedStart + sharedMemory.size())
    warp.fail(in, lane,
              "access of " + std::to_string(size) + " bytes at shared offset " +
                  std::to_string(int64_t(address - sharedStart)) + " of " +
                  std::to_string(sharedMemory.size()) + " bytes");
  if (address % alignment)
    warp.fail(in, lane,
              "shared address " + std::to_string(address - sharedStart) +
                  " is not a multiple of " + std::to_string(alignment));
  uint64_t offset = address - sharedStart;
  // Asynchronous copies come here for their mbarrier only.
  if (in.klass != Class::Mbarrier && in.klass != Class::AsyncCopy &&
      mbarriers.overlap(offset, size))
    warp.fail(in, lane,
              "shared offset " + std::to_string(offset) +
                  " belongs to an mbarrier, which only mbarrier instructions "
                  "may access until mbarrier.inval");
  RaceDetector::Access who{warp.raceThread(lane), strong, in.line};
  std::string message = access == Access::Write
                            ? races.write(who, firstByte + offset, size)
                            : races.read(who, firstByte + offset, size);
  if (message.empty() && access == Access::Atomic)
    message = races.write(who, firstByte + offset, size);
  if (!message.empty())
    warp.fail(in, lane,
              "shared offset " + std::to_string(offset) + ": " + message);
  return sharedMemory.data() + offset;
}

void Cta::beginAsync(Warp &warp, const Instruction &in, unsigned lane,
                     uint64_t address, unsigned size, unsigned alignment,
                     bool isBulk) {
  if (address < sharedStart ||
      address + size > sharedStart + sharedMemory.size())
    warp.fail(in, lane,
              "copy of " + std::to_string(size) + " bytes to shared offset " +
                  std::to_string(int64_t(address - sharedStart)) + " of " +
                  std::to_string(sharedMemory.size()) + " bytes");
  uint64_t offset = address - sharedStart;
  if (address % alignment)
    warp.fail(in, lane,
              "shared address " + std::to_string(offset) +
                  " is not a multiple of " + std::to_string(alignment));
  if (mbarriers.overlap(offset, size))
    warp.fail(in, lane, "the copy overwrites an mbarrier");
  std::string message =
      races.beginAsync({warp.raceThread(lane), false, in.line, isBulk},
                       firstByte + offset, size);
  if (!message.empty())
    warp.fail(in, lane,
              "shared offset " + std::to_string(offset) + ": " + message);
}

void Cta::finishBulkCopy(const Mbarrier::BulkCopy &copy) {
  std::memcpy(sharedMemory.data() + copy.offset, copy.bytes.data(),
              copy.bytes.size());
  races.finishAsync(copy.who, firstByte + copy.offset,
                    unsigned(copy.bytes.size()),
                    copy.order.clock[copy.who.thread / warpSize]);
}

void Cta::finishAsync(Warp &warp, const AsyncCopies::Copy &copy,
                      uint32_t time) {
  uint64_t offset = copy.destination - sharedStart;
  std::memcpy(sharedMemory.data() + offset, copy.bytes.data(), copy.size);
  races.finishAsync({warp.raceThread(copy.lane), false, copy.line},
                    firstByte + offset, copy.size, time);
  ++grid.progress;
}

unsigned Cta::threadsAlive() const {
  unsigned count = 0;
  for (const auto &warp : warps)
    count += std::popcount(warp->alive());
  return count;
}

void Cta::arrive(Warp &warp, const Instruction &in, Lanes mask,
                 Arrival arrival) {
  if (arrival.barrier >= barriers.size())
    warp.fail(in, 0, "there are 16 barriers");
  if (mask != warp.alive())
    warp.fail(in, std::countr_zero(warp.alive() & ~mask),
              "barrier divergence: this lane is on another path than the "
              "lanes that arrive");
  if (arrival.threads % warpSize)
    warp.fail(in, 0, "a barrier's thread count is a multiple of 32");
  Barrier &barrier = barriers[arrival.barrier];
  if (barrier.isOpen && barrier.expected != arrival.threads)
    warp.fail(in, 0,
              "other warps wait at this barrier for another number of threads, "
              "line " +
                  std::to_string(barrier.line));
  barrier.isOpen = true;
  barrier.expected = arrival.threads;
  barrier.line = in.line;
  // With a count, warps are counted whole.
  barrier.arrived += arrival.threads ? warpSize : std::popcount(mask);
  barrier.count += std::popcount(arrival.predicate & mask);
  races.release(warp.raceIndex(), barrier.order);
  if (arrival.waits) {
    barrier.waiting.emplace_back(&warp, &in);
    warp.wait();
  }
  if (barrier.arrived >= (barrier.expected ? barrier.expected : threadsAlive()))
    release(barrier);
}

void Cta::threadsExited() {
  ++grid.progress;
  for (Barrier &barrier : barriers)
    if (barrier.isOpen && !barrier.expected && barrier.arrived &&
        barrier.arrived >= threadsAlive())
      release(barrier);
  cluster->threadsExited();
}

void Cta::release(Barrier &barrier) {
  uint32_t latest = 0;
  for (auto &[warp, in] : barrier.waiting)
    latest = std::max(latest, races.time(warp->raceIndex()));
  for (auto &[warp, in] : barrier.waiting) {
    races.acquire(warp->raceIndex(), barrier.order);
    races.advance(warp->raceIndex(), latest);
    warp->resume();
    if (in->destinations)
      finishReduction(*warp, *in, barrier.count,
                      barrier.expected ? barrier.expected : barrier.arrived);
  }
  barrier = Barrier();
  ++grid.progress;
}

bool Cta::gather(Warp &warp, const Instruction &in) {
  unsigned first = warp.index / 4 * 4;
  if (first + 4 > warps.size())
    warp.fail(in, 0, "the block has no four warps for this warpgroup");
  Warpgroup &group = warpgroups[warp.index / 4];
  if (group.at && group.at != &in)
    warp.fail(in, 0,
              "another warp of the warpgroup waits at the wgmma at line " +
                  std::to_string(group.at->line));
  group.at = &in;
  if (++group.arrived < 4) {
    warp.wait();
    return false;
  }
  group = Warpgroup();
  for (unsigned i = first; i < first + 4; ++i)
    warps[i]->resume();
  ++grid.progress;
  return true;
}

const uint8_t *Cta::matrixPiece(Warp &warp, const Instruction &in,
                                unsigned read, uint64_t address) {
  uint64_t offset = address - sharedStart;
  if (address < sharedStart || offset + 16 > sharedMemory.size())
    warp.fail(in, 0,
              "the matrix needs 16 bytes at shared offset " +
                  std::to_string(int64_t(offset)) + " of " +
                  std::to_string(sharedMemory.size()) + " bytes");
  if (mbarriers.overlap(offset, 16))
    warp.fail(in, 0, "the matrix overlaps an mbarrier");
  for (unsigned i = warp.index / 4 * 4, end = i + 4; i < end; ++i) {
    RaceDetector::Access who{warps[i]->raceThread(0), false, in.line};
    std::string message = races.readMatrix(read, who, firstByte + offset);
    if (!message.empty())
      warps[i]->fail(
          in, 0, "shared offset " + std::to_string(offset) + ": " + message);
  }
  return sharedMemory.data() + offset;
}

std::string Cta::describeWaiting() const {
  std::string result;
  for (const auto &warp : warps)
    if (warp->alive())
      result += "\n  CTA " + std::to_string(number) + " warp " +
                std::to_string(warp->index) +
                (warp->waiting() ? " waits at line " : " polls at line ") +
                std::to_string(warp->current().line) + ": " +
                std::string(grid.program.module->line(warp->current().line));
  return result;
}
