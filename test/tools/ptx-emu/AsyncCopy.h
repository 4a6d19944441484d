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
    int32_t line;
    std::array<uint8_t, 16> bytes;
  };

  void start(Copy copy) {
    copy.group = committed[copy.lane];
    copies.push_back(copy);
  }
  void commit(unsigned lane) { ++committed[lane]; }
  /// Takes out the copies of a lane except for its newest `remaining` groups,
  /// oldest first; `all` includes what is not committed.
  template <typename F>
  void finish(Lanes lanes, unsigned remaining, bool all, F arrive) {
    std::vector<Copy> kept;
    for (const Copy &copy : copies) {
      bool done = lanes >> copy.lane & 1 &&
                  (all || copy.group + remaining < committed[copy.lane]);
      if (done)
        arrive(copy);
      else
        kept.push_back(copy);
    }
    copies.swap(kept);
  }
  bool empty() const { return copies.empty(); }

private:
  std::vector<Copy> copies;
  std::array<uint32_t, warpSize> committed{};
};

} // namespace ptx

#endif // PTX_EMU_ASYNC_COPY_H
