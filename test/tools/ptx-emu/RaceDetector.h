//===- RaceDetector.h - order of accesses to shared memory -----*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Two accesses of the same byte, at least one a write, must be ordered by a
// barrier. The order between warps is kept by vector clocks (a barrier joins
// those of its warps, bar.arrive only gives, so that named barriers between
// producers and consumers are exact), the order between lanes of a warp by a
// count of its bar.warp.sync and barriers. The definition of both relations is
// the one of FastTrack (Flanagan and Freund, PLDI 2009): a byte remembers its
// last write, and its last read or, where reads of several warps are not
// ordered, the last of each warp.
//
// Bytes live in cells of four; a cell is split into four when one of its bytes
// is accessed alone.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_RACE_DETECTOR_H
#define PTX_EMU_RACE_DETECTOR_H

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace ptx {

constexpr unsigned maxWarps = 32;
using Clock = std::array<uint32_t, maxWarps>;

class RaceDetector {
public:
  RaceDetector(uint64_t bytes, unsigned warps);

  /// Who accesses, and where in the text.
  struct Access {
    uint16_t thread = 0; ///< 32 * warp + lane
    bool strong = false; ///< atomic or volatile: not a race with its like
    int32_t line = 0;
  };

  // Each returns an empty string or what is wrong with the access.
  std::string read(Access access, uint64_t address, unsigned size);
  std::string write(Access access, uint64_t address, unsigned size);
  /// Bytes that an asynchronous copy will write at any time from now on.
  std::string beginAsync(Access access, uint64_t address, unsigned size);
  /// The copy is complete: a write by the thread that waited for it.
  void finishAsync(Access access, uint64_t address, unsigned size);

  void synchronizeLanes(unsigned warp) { ++warps[warp].lanesEpoch; }
  /// What a warp has done so far is ordered before whoever acquires the clock.
  void release(unsigned warp, Clock &clock);
  void acquire(unsigned warp, const Clock &clock);
  /// For an equal clock after a barrier of all warps.
  void advance(unsigned warp, uint32_t atLeast);
  uint32_t time(unsigned warp) const { return warps[warp].clock[warp]; }

private:
  struct Record {
    uint32_t time = 0;
    uint32_t epoch = 0; ///< of the lanes
    uint16_t thread = 0;
    bool strong = false, manyLanes = false;
    int32_t line = 0;
  };
  struct Cell {
    Record write, read;
    uint32_t readers = 0;   ///< warps that read at read.time
    int32_t readTimes = -1; ///< index of a Clock if their times differ
    bool written = false, pending = false, split = false;
  };
  struct WarpState {
    Clock clock{};
    uint32_t lanesEpoch = 1;
  };

  template <typename F>
  std::string forCells(uint64_t address, unsigned size, F action);
  std::string readCell(Cell &cell, Access access);
  std::string writeCell(Cell &cell, Access access);
  /// Does the access of `thread` come after the record?
  bool isOrdered(const Record &record, unsigned thread) const;
  void addReader(Cell &cell, const Record &record);
  Record makeRecord(Access access) const;
  void split(uint64_t word);

  std::vector<Cell> words, bytes; ///< bytes is empty until a word is split
  std::vector<Clock> readTimes;
  std::vector<int32_t> freeReadTimes;
  std::vector<WarpState> warps;
};

} // namespace ptx

#endif // PTX_EMU_RACE_DETECTOR_H
