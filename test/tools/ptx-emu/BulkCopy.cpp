//===- BulkCopy.cpp - cp.async.bulk ---------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Bytes are taken from global memory when the instruction is executed. They
// arrive with the phase of the mbarrier that counts them (Mbarriers.h); until
// then every access of their destination is an error.
//
//===----------------------------------------------------------------------===//
#include "Access.h"
#include "Types.h"

using namespace ptx;

namespace {

enum Flags : uint8_t { Multicast = 1 };

SharedPlace placeOf(Warp &warp, const Instruction &in, unsigned source,
                    unsigned lane) {
  return sharedPlace(warp, in, lane, Space(in.flags >> 4),
                     warp.lanes(in.source(source))[lane] +
                         warp.lanes(in.source(source + 1))[lane]);
}

/// Sources: base and offset of the global address, of the destination and of
/// the mbarrier; the size; with .multicast the mask of ranks.
void copy(Warp &warp, const Instruction &in, Lanes mask) {
  Grid &grid = warp.cta.grid;
  Order order = warp.cta.races.arrive(warp.raceIndex());
  forLanes(mask, [&](unsigned lane) {
    uint64_t from =
        warp.lanes(in.source(0))[lane] + warp.lanes(in.source(1))[lane];
    unsigned size = unsigned(warp.lanes(in.source(6))[lane]);
    if (!size || size % 16)
      warp.fail(in, lane,
                "a bulk copy has a multiple of 16 bytes, not " +
                    std::to_string(size));
    const uint8_t *bytes = access(warp, in, lane, Space::Global, from, size, 16,
                                  Access::Read, false);
    if (grid.counters)
      grid.counters->global(in, {&from, 1}, size);
    SharedPlace to = placeOf(warp, in, 2, lane);
    SharedPlace object = placeOf(warp, in, 4, lane);
    if (&to.cta != &object.cta)
      warp.fail(in, lane,
                "the destination and the mbarrier belong to different CTAs");
    auto start = [&](Cta &cta) {
      Mbarrier &barrier = cta.mbarriers.find(warp, in, lane, object.address);
      std::string message =
          cta.races.useByCopy({warp.raceThread(lane), false, in.line, true},
                              cta.firstByte + object.address - cta.sharedStart);
      if (!message.empty())
        warp.fail(in, lane, "the mbarrier: " + message);
      cta.beginAsync(warp, in, lane, to.address, size, 16, true);
      cta.mbarriers.completeAfterCopy(
          barrier, {to.address - cta.sharedStart,
                    {bytes, bytes + size},
                    {warp.raceThread(lane), false, in.line, true},
                    order});
    };
    if (!(in.mode & Multicast))
      return start(to.cta);
    uint64_t ranks = warp.lanes(in.source(7))[lane] & 0xffff;
    for (unsigned rank = 0; ranks >> rank; ++rank)
      if (ranks >> rank & 1)
        start(sharedPlace(warp, in, lane, Space::Cluster,
                          uint64_t(rank + 1) << rankShift)
                  .cta);
  });
  ++grid.progress;
}

} // namespace

void ptx::decodeBulkCopy(Decoder &d) {
  Space space = d.take("shared::cluster") ? Space::Cluster
                : d.take("shared::cta")   ? Space::Shared
                                          : Space::Generic;
  if (space == Space::Generic || !d.take("global") ||
      !d.take("mbarrier::complete_tx::bytes"))
    d.fail("only cp.async.bulk from global to shared memory with "
           ".mbarrier::complete_tx::bytes is supported");
  d.take("L2::cache_hint");
  d.result.flags = uint8_t(unsigned(space) << 4);
  d.result.mode = d.take("multicast::cluster") ? Multicast : 0;
  d.addressSources(1);
  d.addressSources(0);
  d.addressSources(3);
  d.source(2, {Type::Unsigned, 32});
  if (d.result.mode & Multicast)
    d.source(4, {Type::Unsigned, 16});
  d.finish(copy);
}
