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
// wgmma reads shared memory through the async proxy, at any time until a warp
// of its warpgroup has waited for it. What the generic proxy wrote (all but
// bulk copies) must have been followed by a fence.proxy.async on the way from
// the write to the wgmma (PTX ISA, "Causality order"): a second vector clock
// tells which of a warp's writes such a fence lies behind. mbarriers carry both
// clocks.
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

constexpr unsigned maxWarps = 64; ///< of the CTAs of a cluster together
using Clock = std::array<uint32_t, maxWarps>;

/// What happens before a point: the accesses of each warp up to a time, and
/// those of them that a fence.proxy.async lies behind.
struct Order {
  Clock clock{}, fenced{};
  void join(const Order &other);
};

class RaceDetector {
public:
  /// The CTAs of a cluster follow each other in both numberings.
  RaceDetector(uint64_t bytes, unsigned warps, unsigned warpsPerCta);

  /// Who accesses, and where in the text.
  struct Access {
    uint16_t thread = 0; ///< 32 * warp + lane
    bool strong = false; ///< atomic or volatile: not a race with its like
    int32_t line = 0;
    bool isAsync = false; ///< by the async proxy
  };

  // Each returns an empty string or what is wrong with the access.
  std::string read(Access access, uint64_t address, unsigned size);
  std::string write(Access access, uint64_t address, unsigned size);
  /// Bytes that an asynchronous copy will write at any time from now on.
  std::string beginAsync(Access access, uint64_t address, unsigned size);
  /// The copy is complete: a write by the thread that waited for it.
  void finishAsync(Access access, uint64_t address, unsigned size);
  /// The same at an earlier time() of the warp.
  void finishAsync(Access access, uint64_t address, unsigned size,
                   uint32_t time);

  /// The mbarrier that a bulk copy reports to: its initialization is a write of
  /// the generic proxy.
  std::string useByCopy(Access access, uint64_t address);

  // wgmma reads whole pieces of 16 bytes.
  /// A read that ends when one warp of the warpgroup has waited for it.
  unsigned beginMatrixRead(unsigned warpgroup, int32_t line);
  /// One piece; a thread of each warp is asked: empty or what is wrong.
  std::string readMatrix(unsigned read, Access access, uint64_t address);
  void endMatrixRead(unsigned read, unsigned warp);

  void synchronizeLanes(unsigned warp) { ++warps[warp].lanesEpoch; }
  /// What a warp has done so far is ordered before whoever acquires the order.
  /// Both order the lanes of the warp, too.
  void release(unsigned warp, Order &order);
  void acquire(unsigned warp, const Order &order);
  /// The same through an mbarrier, where lanes arrive and wait alone.
  Order arrive(unsigned warp);
  void observe(unsigned warp, const Order &order);
  /// fence.proxy.async by some lanes; `whole`: by all that are alive.
  void fenceProxy(unsigned warp, uint32_t lanes, bool whole);
  /// For an equal clock after a barrier of all warps.
  void advance(unsigned warp, uint32_t atLeast);
  uint32_t time(unsigned warp) const { return warps[warp].clock[warp]; }

private:
  struct Record {
    uint32_t time = 0;
    uint32_t epoch = 0; ///< of the lanes
    uint16_t thread = 0;
    bool strong = false, manyLanes = false, isAsync = false;
    int32_t line = 0;
  };
  struct Cell {
    Record write, read;
    uint64_t readers = 0;   ///< warps that read at read.time
    int32_t readTimes = -1; ///< index of a Clock if their times differ
    bool written = false, pending = false, split = false;
  };
  struct WarpState : Order {
    uint32_t lanesEpoch = 1;
    uint32_t observed = 0; ///< own time that is ordered before all lanes
    uint32_t unfenced = 0; ///< lanes that wrote after their last proxy fence
  };
  struct MatrixRead {
    unsigned warpgroup;
    int32_t line;
    std::array<uint32_t, 4> waited{}; ///< when a warp waited, 0: not yet
  };
  static constexpr unsigned maxWarpgroups = maxWarps / 4;

  template <typename F>
  std::string forCells(uint64_t address, unsigned size, F action);
  std::string readCell(Cell &cell, Access access);
  std::string writeCell(Cell &cell, Access access);
  /// Does the access of `thread` come after the record?
  bool isOrdered(const Record &record, unsigned thread) const;
  void addReader(Cell &cell, const Record &record);
  Record makeRecord(Access access) const;
  std::string describe(const char *what, const Record &record) const;
  std::string pendingMessage(const Record &write) const;
  /// Does a fence.proxy.async lie between a generic write and a warp's access?
  std::string checkFenced(const Record &write, unsigned warp,
                          const char *what) const;
  /// Does a write come after the reads of wgmma?
  std::string checkMatrixReads(Access access, uint64_t address, unsigned size);
  void split(uint64_t word);

  std::vector<Cell> words, bytes; ///< bytes is empty until a word is split
  std::vector<Clock> readTimes;
  std::vector<int32_t> freeReadTimes;
  std::vector<WarpState> warps;
  unsigned warpsPerCta;
  std::vector<MatrixRead> matrixReads;
  /// The last read of a piece by each warpgroup: index + 1. Waiting for it
  /// implies waiting for those before. Empty until there is a read.
  std::vector<std::array<uint32_t, maxWarpgroups>> lastMatrixReads;
};

template <typename F>
std::string RaceDetector::forCells(uint64_t address, unsigned size, F action) {
  for (uint64_t byte = address, end = address + size; byte < end;) {
    uint64_t word = byte / 4;
    bool whole = byte % 4 == 0 && byte + 4 <= end;
    if (whole && !words[word].split) {
      if (std::string message = action(words[word]); !message.empty())
        return message;
      byte += 4;
      continue;
    }
    if (!words[word].split)
      split(word);
    if (std::string message = action(bytes[byte]); !message.empty())
      return message;
    ++byte;
  }
  return {};
}

} // namespace ptx

#endif // PTX_EMU_RACE_DETECTOR_H
