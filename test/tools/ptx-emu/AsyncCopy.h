//===- AsyncCopy.h - cp.async: copies on their way -------------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The bytes are taken from global memory when the instruction is executed and
// arrive in shared memory only when the thread waits for the copy's group;
// until then every access of the destination is an error, and after it other
// threads still need a barrier.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_ASYNC_COPY_H
#define PTX_EMU_ASYNC_COPY_H

#include "Program.h"

#include <array>
#include <cstdint>
#include <vector>

namespace ptx {

class AsyncCopies {
public:
  struct Copy {
    uint8_t lane, size;
    uint32_t group, destination;
    uint32_t number; ///< of the copy in its warp
    int32_t line;
    std::array<uint8_t, 16> bytes;
  };

  void start(Copy copy) {
    copy.group = committed[copy.lane];
    copy.number = started++;
    copies.push_back(copy);
  }
  void commit(unsigned lane) { ++committed[lane]; }
  /// Takes out the copies of a lane except for its newest `remaining` groups,
  /// oldest first; `all` includes what is not committed.
  template <typename F>
  void finish(Lanes lanes, unsigned remaining, bool all, F arrive) {
    finishIf(
        [&](const Copy &copy) {
          return lanes >> copy.lane & 1 &&
                 (all || copy.group + remaining < committed[copy.lane]);
        },
        arrive);
  }
  /// Takes out a lane's copies that were started before startedCopies() was
  /// `number`.
  template <typename F>
  void finishBefore(unsigned lane, uint32_t number, F arrive) {
    finishIf(
        [&](const Copy &copy) {
          return copy.lane == lane && copy.number < number;
        },
        arrive);
  }
  uint32_t startedCopies() const { return started; }
  bool empty() const { return copies.empty(); }

private:
  template <typename P, typename F> void finishIf(P isDone, F arrive) {
    std::vector<Copy> kept;
    for (const Copy &copy : copies) {
      if (isDone(copy))
        arrive(copy);
      else
        kept.push_back(copy);
    }
    copies.swap(kept);
  }

  std::vector<Copy> copies;
  uint32_t started = 0;
  std::array<uint32_t, warpSize> committed{};
};

} // namespace ptx

#endif // PTX_EMU_ASYNC_COPY_H
