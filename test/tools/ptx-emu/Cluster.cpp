//===- Cluster.cpp - CTAs that share their shared memory ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Cluster.h"

#include "Access.h"
#include "Types.h"

using namespace ptx;

Cluster::Cluster(Grid &grid)
    : grid(grid),
      warpsPerCta(grid.launch.cluster > 1 ? stride(grid.launch.warps())
                                          : grid.launch.warps()),
      bytesPerCta((grid.sharedBytes() + 15) / 16 * 16),
      races(bytesPerCta * grid.launch.cluster,
            warpsPerCta * grid.launch.cluster, warpsPerCta) {}

unsigned Cluster::add(Cta &cta) {
  ctas.push_back(&cta);
  return unsigned(ctas.size()) - 1;
}

unsigned Cluster::threadsAlive() const {
  unsigned count = 0;
  for (const Cta *cta : ctas)
    count += cta ? cta->threadsAlive() : 0;
  return count;
}

void Cluster::arrive(Warp &warp, const Instruction &in, Lanes mask,
                     bool isRelaxed) {
  if (mask != warp.alive())
    warp.fail(in, std::countr_zero(warp.alive() & ~mask),
              "barrier divergence: this lane is on another path than the "
              "lanes that arrive");
  if (warp.clusterArrivals != warp.clusterWaits)
    warp.fail(in, 0, "the warp has arrived already, without waiting after it");
  ++warp.clusterArrivals;
  arrived += unsigned(std::popcount(mask));
  if (!isRelaxed)
    races.release(warp.raceIndex(), order);
  if (arrived == threadsAlive())
    release();
}

void Cluster::wait(Warp &warp, const Instruction &in, Lanes mask) {
  if (mask != warp.alive())
    warp.fail(in, std::countr_zero(warp.alive() & ~mask),
              "barrier divergence: this lane is on another path than the "
              "lanes that wait");
  if (warp.clusterArrivals == warp.clusterWaits)
    warp.fail(in, 0, "the warp has not arrived before it waits");
  if (++warp.clusterWaits <= phases)
    return races.acquire(warp.raceIndex(), completed);
  waiting.push_back(&warp);
  warp.wait();
}

void Cluster::threadsExited() {
  if (arrived && arrived >= threadsAlive())
    release();
}

void Cluster::release() {
  ++phases;
  arrived = 0;
  completed = order;
  for (Cta *cta : ctas)
    for (Cta *other : ctas)
      if (cta && other && cta != other)
        grid.order.join(cta->number, other->number);
  for (Warp *warp : waiting) {
    races.acquire(warp->raceIndex(), completed);
    warp->resume();
  }
  waiting.clear();
  ++grid.progress;
}

namespace {

template <bool IsRelaxed>
void arrive(Warp &warp, const Instruction &in, Lanes mask) {
  warp.cta.cluster->arrive(warp, in, mask, IsRelaxed);
}

void wait(Warp &warp, const Instruction &in, Lanes mask) {
  warp.cta.cluster->wait(warp, in, mask);
}

/// mapa: the address of the same variable in the CTA of a rank.
void mapAddress(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *a = warp.lanes(in.source(0)),
                 *ranks = warp.lanes(in.source(1));
  forLanes(mask, [&](unsigned lane) {
    uint64_t rank = uint32_t(ranks[lane]);
    if (rank >= warp.cta.grid.launch.cluster)
      warp.fail(in, lane, "the cluster has no rank " + std::to_string(rank));
    uint64_t address = a[lane];
    if ((in.flags && (address & windowMask) != sharedWindow) ||
        (address & ~windowMask) >> rankShift)
      warp.fail(in, lane, "the address is not one of the CTA's shared memory");
    d[lane] = address | (rank + 1) << rankShift;
  });
  warp.define(in.destination(), mask);
}

void rankOf(Warp &warp, const Instruction &in, Lanes mask) {
  uint64_t *d = warp.lanes(in.destination());
  const uint64_t *a = warp.lanes(in.source(0));
  forLanes(mask, [&](unsigned lane) {
    d[lane] = sharedPlace(warp, in, lane,
                          in.flags ? Space::Generic : Space::Cluster, a[lane])
                  .cta.rank;
  });
  warp.define(in.destination(), mask);
}

template <bool IsMap> void decode(Decoder &d) {
  d.result.flags = !d.take("shared::cluster"); // a generic address
  Type type = d.takeType();
  d.destination(size_t(0));
  d.source(1, type);
  if (IsMap)
    d.source(2, {Type::Unsigned, 32});
  d.finish(IsMap ? mapAddress : rankOf);
}

} // namespace

void ptx::decodeClusterBarrier(Decoder &d) {
  d.take("aligned");
  if (d.take("wait")) {
    d.take("acquire");
    return d.finish(wait);
  }
  if (!d.take("arrive"))
    d.fail("expected barrier.cluster.arrive or .wait");
  bool isRelaxed = d.take("relaxed");
  d.take("release");
  d.finish(isRelaxed ? arrive<true> : arrive<false>);
}

void ptx::addClusterOpcodes(OpcodeTable &table) {
  table["mapa"] = {decode<true>, Class::Move};
  table["getctarank"] = {decode<false>, Class::Move};
}
