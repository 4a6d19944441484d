//===- ProxyOrder.cpp - mbarriers, proxy fences and reads of wgmma --------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The part of the race detector that only kernels for sm_90 and later need.
//
//===----------------------------------------------------------------------===//
#include "RaceDetector.h"

#include <algorithm>

using namespace ptx;

Order RaceDetector::arrive(unsigned warp) {
  WarpState &state = warps[warp];
  Order order = state;
  ++state.clock[warp];
  return order;
}

void RaceDetector::observe(unsigned warp, const Order &order) {
  WarpState &state = warps[warp];
  state.observed = std::max(state.observed, order.clock[warp]);
  for (unsigned i = 0; i < maxWarps; ++i) {
    if (i != warp)
      state.clock[i] = std::max(state.clock[i], order.clock[i]);
    state.fenced[i] = std::max(state.fenced[i], order.fenced[i]);
  }
}

void RaceDetector::fenceProxy(unsigned warp, uint32_t lanes, bool whole) {
  WarpState &state = warps[warp];
  state.unfenced &= ~lanes;
  uint32_t own = state.unfenced ? 0 : state.clock[warp];
  if (whole)
    for (unsigned i = 0; i < maxWarps; ++i)
      if (i != warp)
        state.fenced[i] = std::max(state.fenced[i], state.clock[i]);
  state.fenced[warp] = std::max(state.fenced[warp], own);
  ++state.clock[warp]; // the writes to come are behind the fence
}

std::string RaceDetector::checkFenced(const Record &write, unsigned warp,
                                      const char *what) const {
  if (write.time <= warps[warp].fenced[write.thread / 32])
    return {};
  return "no fence.proxy.async between the write " + describe("of", write) +
         " and " + what +
         ": the writing thread executes it after the write and before the "
         "barrier";
}

std::string RaceDetector::useByCopy(Access access, uint64_t address) {
  return forCells(address, 8, [&](Cell &cell) {
    return checkFenced(cell.write, access.thread / 32, "the bulk copy");
  });
}

unsigned RaceDetector::beginMatrixRead(unsigned warpgroup, int32_t line) {
  if (lastMatrixReads.empty())
    lastMatrixReads.resize((words.size() + 3) / 4);
  matrixReads.push_back({warpgroup, line});
  return unsigned(matrixReads.size()) - 1;
}

std::string RaceDetector::readMatrix(unsigned read, Access access,
                                     uint64_t address) {
  lastMatrixReads[address / 16][matrixReads[read].warpgroup] = read + 1;
  unsigned warp = access.thread / 32;
  return forCells(address, 16, [&](Cell &cell) -> std::string {
    const Record &write = cell.write;
    if (cell.pending)
      return pendingMessage(write);
    if (!cell.written)
      return "reads shared memory that nobody has written";
    if (!isOrdered(write, access.thread))
      return "races with the write " + describe("of", write) +
             ": no barrier between";
    return write.isAsync ? std::string()
                         : checkFenced(write, warp, "the wgmma");
  });
}

void RaceDetector::endMatrixRead(unsigned read, unsigned warp) {
  matrixReads[read].waited[warp % 4] = time(warp);
}

std::string RaceDetector::checkMatrixReads(Access access, uint64_t address,
                                           unsigned size) {
  if (lastMatrixReads.empty())
    return {};
  unsigned warp = access.thread / 32;
  for (uint64_t piece = address / 16; piece <= (address + size - 1) / 16;
       ++piece)
    for (uint32_t index : lastMatrixReads[piece]) {
      if (!index)
        continue;
      const MatrixRead &read = matrixReads[index - 1];
      bool ordered = false, waited = false;
      for (unsigned i = 0; i < 4; ++i)
        if (uint32_t time = read.waited[i]) {
          unsigned reader = 4 * read.warpgroup + i;
          waited = true;
          ordered |= reader == warp || time <= warps[warp].clock[reader];
        }
      if (ordered)
        continue;
      std::string what = "the wgmma at line " + std::to_string(read.line);
      return waited ? "races with the read by " + what + ": no barrier between"
                    : what + " reads the bytes, and no wgmma.wait_group has "
                             "waited for it";
    }
  return {};
}
