//===- RaceDetector.cpp - order of accesses to shared memory --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "RaceDetector.h"

#include <algorithm>

using namespace ptx;

RaceDetector::RaceDetector(uint64_t size, unsigned count, unsigned warpsPerCta)
    : words((size + 3) / 4), warps(count), warpsPerCta(warpsPerCta) {
  for (unsigned warp = 0; warp < count; ++warp)
    warps[warp].clock[warp] = 1;
}

void Order::join(const Order &other) {
  for (unsigned i = 0; i < maxWarps; ++i) {
    clock[i] = std::max(clock[i], other.clock[i]);
    fenced[i] = std::max(fenced[i], other.fenced[i]);
  }
}

void RaceDetector::release(unsigned warp, Order &order) {
  order.join(arrive(warp));
  ++warps[warp].lanesEpoch;
}

void RaceDetector::acquire(unsigned warp, const Order &order) {
  observe(warp, order);
  ++warps[warp].lanesEpoch;
}

void RaceDetector::advance(unsigned warp, uint32_t atLeast) {
  uint32_t &time = warps[warp].clock[warp];
  time = std::max(time, atLeast);
}

RaceDetector::Record RaceDetector::makeRecord(Access access) const {
  const WarpState &state = warps[access.thread / 32];
  Record record;
  record.time = state.clock[access.thread / 32];
  record.epoch = state.lanesEpoch;
  record.thread = access.thread;
  record.strong = access.strong;
  record.isAsync = access.isAsync;
  record.line = access.line;
  return record;
}

bool RaceDetector::isOrdered(const Record &record, unsigned thread) const {
  unsigned from = record.thread / 32, to = thread / 32;
  if (from != to)
    return record.time <= warps[to].clock[from];
  return (record.thread == thread && !record.manyLanes) ||
         record.epoch != warps[to].lanesEpoch ||
         record.time <= warps[to].observed;
}

void RaceDetector::split(uint64_t word) {
  if (bytes.empty())
    bytes.resize(4 * words.size());
  Cell &cell = words[word];
  std::fill_n(bytes.begin() + 4 * word, 4, cell);
  if (cell.readTimes >= 0)
    for (unsigned byte = 1; byte < 4; ++byte) {
      bytes[4 * word + byte].readTimes = int32_t(readTimes.size());
      readTimes.push_back(Clock(readTimes[cell.readTimes]));
    }
  cell.split = true;
}

std::string RaceDetector::describe(const char *what,
                                   const Record &record) const {
  unsigned warp = record.thread / 32, cta = warp / warpsPerCta;
  std::string text = std::string(what) + " thread " +
                     std::to_string(record.thread - 32 * warpsPerCta * cta) +
                     " (warp " + std::to_string(warp % warpsPerCta) + ")";
  if (warps.size() > warpsPerCta)
    text += " of rank " + std::to_string(cta) + " of the cluster";
  return text + " at line " + std::to_string(record.line);
}

std::string RaceDetector::pendingMessage(const Record &write) const {
  return "the bytes are the destination of an asynchronous copy that is not "
         "waited for, " +
         describe("issued by", write);
}

std::string RaceDetector::readCell(Cell &cell, Access access) {
  if (cell.pending)
    return pendingMessage(cell.write);
  if (!cell.written)
    return "reads shared memory that nobody has written";
  if (!(cell.write.strong && access.strong) &&
      !isOrdered(cell.write, access.thread))
    return "races with the write " + describe("of", cell.write) +
           ": no barrier between";
  addReader(cell, makeRecord(access));
  return {};
}

void RaceDetector::addReader(Cell &cell, const Record &record) {
  unsigned warp = record.thread / 32;
  if (cell.readTimes >= 0) {
    readTimes[cell.readTimes][warp] = record.time;
    cell.read = record;
    return;
  }
  if (cell.readers && cell.read.time != record.time) {
    const Clock &clock = warps[warp].clock;
    bool ordered = true;
    for (unsigned other = 0; other < warps.size(); ++other)
      if (cell.readers >> other & 1 && cell.read.time > clock[other])
        ordered = false;
    if (!ordered) {
      if (freeReadTimes.empty()) {
        cell.readTimes = int32_t(readTimes.size());
        readTimes.emplace_back();
      } else {
        cell.readTimes = freeReadTimes.back();
        freeReadTimes.pop_back();
      }
      Clock &times = readTimes[cell.readTimes];
      times.fill(0);
      for (unsigned other = 0; other < warps.size(); ++other)
        if (cell.readers >> other & 1)
          times[other] = cell.read.time;
      times[warp] = record.time;
      cell.read = record;
      return;
    }
    cell.readers = 0;
  }
  bool sameLanes = cell.readers >> warp & 1 && cell.read.thread / 32 == warp &&
                   cell.read.epoch == record.epoch;
  bool manyLanes =
      sameLanes && (cell.read.manyLanes || cell.read.thread != record.thread);
  bool strong = record.strong && (!cell.readers || cell.read.strong);
  cell.readers |= uint64_t(1) << warp;
  cell.read = record;
  cell.read.manyLanes = manyLanes;
  cell.read.strong = strong;
}

std::string RaceDetector::writeCell(Cell &cell, Access access) {
  if (cell.pending)
    return pendingMessage(cell.write);
  if (cell.written && !(cell.write.strong && access.strong) &&
      !isOrdered(cell.write, access.thread))
    return "races with the write " + describe("of", cell.write) +
           ": no barrier between";
  if (cell.readers && !(cell.read.strong && access.strong)) {
    unsigned warp = access.thread / 32;
    const Clock &clock = warps[warp].clock;
    bool ordered =
        cell.read.thread / 32 != warp || isOrdered(cell.read, access.thread);
    for (unsigned other = 0; other < warps.size(); ++other) {
      uint32_t time = cell.readTimes >= 0 ? readTimes[cell.readTimes][other]
                      : cell.readers >> other & 1 ? cell.read.time
                                                  : 0;
      ordered &= other == warp || time <= clock[other];
    }
    if (!ordered)
      return "races with the read " + describe("of", cell.read) +
             ": no barrier between";
  }
  if (cell.readTimes >= 0) {
    freeReadTimes.push_back(cell.readTimes);
    cell.readTimes = -1;
  }
  cell.readers = 0;
  cell.written = true;
  cell.write = makeRecord(access);
  return {};
}

std::string RaceDetector::read(Access access, uint64_t address, unsigned size) {
  return forCells(address, size,
                  [&](Cell &cell) { return readCell(cell, access); });
}

std::string RaceDetector::write(Access access, uint64_t address,
                                unsigned size) {
  if (std::string message = checkMatrixReads(access, address, size);
      !message.empty())
    return message;
  warps[access.thread / 32].unfenced |= 1u << access.thread % 32;
  return forCells(address, size,
                  [&](Cell &cell) { return writeCell(cell, access); });
}

std::string RaceDetector::beginAsync(Access access, uint64_t address,
                                     unsigned size) {
  if (std::string message = checkMatrixReads(access, address, size);
      !message.empty())
    return message;
  return forCells(address, size, [&](Cell &cell) {
    Record before = cell.write;
    std::string message = writeCell(cell, access);
    if (message.empty() && access.isAsync && before.time && !before.isAsync)
      message = checkFenced(before, access.thread / 32, "the bulk copy");
    cell.pending = true;
    return message;
  });
}

void RaceDetector::finishAsync(Access access, uint64_t address, unsigned size) {
  finishAsync(access, address, size, time(access.thread / 32));
}

void RaceDetector::finishAsync(Access access, uint64_t address, unsigned size,
                               uint32_t time) {
  if (!access.isAsync)
    warps[access.thread / 32].unfenced |= 1u << access.thread % 32;
  forCells(address, size, [&](Cell &cell) {
    cell.pending = false;
    cell.write = makeRecord(access);
    cell.write.time = time;
    return std::string();
  });
}
