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

uint64_t sharedPlace(Warp &warp, const Instruction &in, unsigned source,
                     unsigned lane) {
  uint64_t address = warp.lanes(in.source(source))[lane] +
                     warp.lanes(in.source(source + 1))[lane];
  return (address & windowMask) == sharedWindow ? address - sharedWindow
                                                : address;
}

/// Sources: base and offset of the global address, of the destination and of
/// the mbarrier; the size.
void copy(Warp &warp, const Instruction &in, Lanes mask) {
  Cta &cta = warp.cta;
  Order order = cta.races.arrive(warp.index);
  forLanes(mask, [&](unsigned lane) {
    uint64_t from =
        warp.lanes(in.source(0))[lane] + warp.lanes(in.source(1))[lane];
    unsigned size = unsigned(warp.lanes(in.source(6))[lane]);
    if (!size || size % 16)
      warp.fail(in, lane,
                "a bulk copy has a multiple of 16 bytes, not " +
                    std::to_string(size));
    const uint8_t *bytes = access(warp, in, lane, Space(in.mode), from, size,
                                  16, Access::Read, false);
    if (Counters *counters = cta.grid.counters)
      counters->global(in, {&from, 1}, size);
    uint64_t to = sharedPlace(warp, in, 2, lane);
    Mbarrier &barrier =
        cta.mbarriers.find(warp, in, lane, sharedPlace(warp, in, 4, lane));
    cta.beginAsync(warp, in, lane, to, size, 16, true);
    cta.mbarriers.completeAfterCopy(
        barrier, {to - sharedStart,
                  {bytes, bytes + size},
                  {uint16_t(warp.thread(lane)), false, in.line, true},
                  order});
  });
  ++cta.grid.progress;
}

} // namespace

void ptx::decodeBulkCopy(Decoder &d) {
  bool toShared = d.take("shared::cluster") || d.take("shared::cta");
  if (!toShared || !d.take("global") || !d.take("mbarrier::complete_tx::bytes"))
    d.fail("only cp.async.bulk from global to shared memory with "
           ".mbarrier::complete_tx::bytes is supported");
  d.take("L2::cache_hint");
  d.result.mode = uint8_t(Space::Global);
  d.addressSources(1);
  d.addressSources(0);
  d.addressSources(3);
  d.source(2, {Type::Unsigned, 32});
  d.finish(copy);
}
