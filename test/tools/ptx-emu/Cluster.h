//===- Cluster.h - CTAs that share their shared memory ---------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A CTA without a cluster is a cluster of one. One race detector watches the
// shared memory of all CTAs; they follow each other in its numbering of bytes
// and warps.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_CLUSTER_H
#define PTX_EMU_CLUSTER_H

#include "RaceDetector.h"
#include "Warp.h"

namespace ptx {

class Grid;

class Cluster {
public:
  explicit Cluster(Grid &grid);

  /// Warps of a CTA in the race detector: whole warpgroups.
  static unsigned stride(unsigned warps) { return (warps + 3) / 4 * 4; }

  /// Returns the rank.
  unsigned add(Cta &cta);

  // barrier.cluster
  void arrive(Warp &warp, const Instruction &in, Lanes mask, bool isRelaxed);
  void wait(Warp &warp, const Instruction &in, Lanes mask);
  void threadsExited();

  Grid &grid;
  const unsigned warpsPerCta;
  const uint64_t bytesPerCta;
  RaceDetector races;
  std::vector<Cta *> ctas; ///< by rank; null when it has exited

private:
  void release();
  unsigned threadsAlive() const;

  unsigned arrived = 0; ///< threads
  uint64_t phases = 0;  ///< completed
  Order order;          ///< of the arrivals so far
  Order completed;      ///< the same at the end of the last phase
  std::vector<Warp *> waiting;
};

} // namespace ptx

#endif // PTX_EMU_CLUSTER_H
