//===- Access.h - checked accesses of any space ----------------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_ACCESS_H
#define PTX_EMU_ACCESS_H

#include "Cta.h"
#include "Grid.h"

namespace ptx {

/// Resolves a generic address: the space and the address in it.
inline Space resolve(Space space, uint64_t &address) {
  if (space != Space::Generic)
    return space;
  switch (address & windowMask) {
  case sharedWindow:
    address -= sharedWindow;
    return address >> rankShift ? Space::Cluster : Space::Shared;
  case localWindow:
    address -= localWindow;
    return Space::Local;
  case paramWindow:
    address -= paramWindow;
    return Space::Param;
  default:
    return Space::Global;
  }
}

/// Shared memory of one CTA of the cluster.
struct SharedPlace {
  Cta &cta;
  uint64_t address;
};
/// Resolves an address of the space Shared or Cluster, or a generic one.
SharedPlace sharedPlace(Warp &warp, const Instruction &in, unsigned lane,
                        Space space, uint64_t address);

/// Pointer to `size` bytes at an address that must be a multiple of
/// `alignment`; reports what is wrong as an error of the lane.
uint8_t *access(Warp &warp, const Instruction &in, unsigned lane, Space space,
                uint64_t address, unsigned size, unsigned alignment,
                Access kind, bool strong);

/// Counts an access if the launch counts.
void count(Warp &warp, const Instruction &in, Lanes mask, Space space,
           unsigned size);

/// Where an address operand points in a lane.
inline uint64_t addressOf(Warp &warp, const Instruction &in, unsigned source,
                          unsigned lane) {
  return warp.lanes(in.source(source))[lane] + uint64_t(in.immediate);
}

} // namespace ptx

#endif // PTX_EMU_ACCESS_H
