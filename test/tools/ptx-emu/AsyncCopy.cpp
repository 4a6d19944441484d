//===- AsyncCopy.cpp - cp.async -------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "AsyncCopy.h"

#include "Access.h"
#include "Types.h"

using namespace ptx;

namespace {

enum SourceSize : uint8_t { Whole, Given, Ignored };

/// cp.async [shared], [global], size[, source size | ignore]: what is beyond
/// the source size is filled with zeros.
void copy(Warp &warp, const Instruction &in, Lanes mask) {
  const uint64_t *to = warp.lanes(in.source(1));
  uint32_t offset = uint32_t(in.secondOffset);
  Lanes ignored = in.flags == Ignored ? warp.predicateSource(in, 2) : 0;
  count(warp, in, mask & ~ignored, Space(in.mode), in.size);
  forLanes(mask, [&](unsigned lane) {
    AsyncCopies::Copy copy{};
    copy.lane = uint8_t(lane);
    copy.size = in.size;
    copy.line = in.line;
    uint64_t destination = to[lane] + offset;
    if ((destination & windowMask) == sharedWindow)
      destination -= sharedWindow;
    copy.destination = uint32_t(destination);
    unsigned size = in.size;
    if (in.flags == Given)
      size = unsigned(warp.lanes(in.source(2))[lane]);
    if (ignored >> lane & 1)
      size = 0;
    if (size > in.size)
      warp.fail(in, lane, "the source has more bytes than the copy");
    uint64_t from = addressOf(warp, in, 0, lane);
    if (from % in.size)
      warp.fail(in, lane,
                "address " + std::to_string(from) + " is not a multiple of " +
                    std::to_string(in.size));
    if (size)
      std::memcpy(copy.bytes.data(),
                  access(warp, in, lane, Space(in.mode), from, size, 1,
                         Access::Read, false),
                  size);
    warp.cta.beginAsync(warp, in, lane, destination, in.size, in.size);
    warp.copies.start(copy);
  });
}

void commit(Warp &warp, const Instruction &, Lanes mask) {
  forLanes(mask, [&](unsigned lane) { warp.copies.commit(lane); });
}

void wait(Warp &warp, const Instruction &in, Lanes mask) {
  warp.copies.finish(mask, unsigned(in.immediate), in.flags,
                     [&](const AsyncCopies::Copy &copy) {
                       warp.cta.finishAsync(warp, copy,
                                            warp.cta.races.time(warp.raceIndex()));
                     });
}

void decodeCopy(Decoder &d) {
  d.takeAny({"ca", "cg"});
  d.take("shared");
  d.take("shared::cta");
  d.take("global");
  d.takePrefix("L2::");
  d.result.mode = uint8_t(Space::Global);
  d.address(1);
  int64_t from = d.result.immediate;
  d.address(0);
  d.result.secondOffset = int32_t(d.result.immediate);
  d.result.immediate = from;
  d.result.size = uint8_t(d.integer(2));
  if (d.result.size != 4 && d.result.size != 8 && d.result.size != 16)
    d.fail("cp.async copies 4, 8 or 16 bytes");
  if (d.operandCount() > 3) {
    const Operand &last = d.operand(3);
    bool isPolicy =
        last.kind == Operand::Kind::Register && d.declaredType(last).bits == 64;
    if (d.isPredicate(last)) {
      d.result.flags = Ignored;
      d.source(3, {Type::Predicate, 1});
    } else if (!isPolicy) {
      d.result.flags = Given;
      d.source(3, {Type::Unsigned, 32});
    }
  }
  d.finish(copy);
}

void decodeAsync(Decoder &d) {
  if (!d.take("async"))
    d.fail("unsupported instruction '" + d.statement.opcode + "'");
  if (d.take("bulk"))
    return decodeBulkCopy(d);
  if (d.take("mbarrier"))
    return decodeCopyArrival(d);
  if (d.take("commit_group"))
    return d.finish(commit);
  if (d.take("wait_all")) {
    d.result.flags = 1;
    return d.finish(wait);
  }
  if (d.take("wait_group")) {
    d.result.immediate = d.integer(0);
    return d.finish(wait);
  }
  decodeCopy(d);
}

} // namespace

void ptx::addAsyncCopyOpcodes(OpcodeTable &table) {
  table["cp"] = {decodeAsync, Class::AsyncCopy};
}
