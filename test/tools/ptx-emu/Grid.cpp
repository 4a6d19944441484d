//===- Grid.cpp - a launch of a kernel and the order of its CTAs ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Grid.h"

#include <algorithm>

using namespace ptx;

/// Instructions that a warp may execute before the next one's turn.
static constexpr unsigned slice = 2048;
/// Unsuccessful reads of a polling warp after which it is taken to be stuck.
static constexpr uint64_t pollLimit = 2000;

Grid::Grid(const Program &program, const Launch &launch, GlobalMemory &memory,
           Counters *counters)
    : program(program), launch(launch), memory(memory), counters(counters) {
  if (!launch.cluster)
    this->launch.cluster = std::max(1u, program.entry->requiredCluster);
  check();
  // Clusters start whole.
  this->launch.resident =
      std::max<uint64_t>(launch.resident, this->launch.cluster);
  if (!launch.resident || launch.resident > launch.ctas())
    this->launch.resident = launch.ctas();
}

void Grid::fail(const std::string &message) const {
  throw Error(program.entry->line, message);
}

void Grid::check() const {
  const Entry &entry = *program.entry;
  if (!launch.threads() || launch.threads() > 1024)
    fail("a block has 1 to 1024 threads");
  if (!launch.ctas())
    fail("the grid is empty");
  if (launch.threads() > entry.maximumThreads)
    fail("the block has more threads than .maxntid");
  if (entry.requiredBlock[0])
    for (unsigned i = 0; i < 3; ++i)
      if (launch.block[i] != entry.requiredBlock[i])
        fail("the block is not that of .reqntid");
  if (entry.requiredCluster && launch.cluster != entry.requiredCluster)
    fail("the cluster is not that of .reqnctapercluster");
  if (launch.cluster > 16 || launch.grid[0] % launch.cluster)
    fail("a cluster has at most 16 CTAs and divides the grid along x");
  if (launch.cluster > 1 &&
      launch.cluster * Cluster::stride(launch.warps()) > maxWarps)
    fail("clusters of more than " + std::to_string(maxWarps) +
         " warps are not supported");
  if (sharedBytes() > 227 * 1024)
    fail("more than 227 KiB of shared memory");
  if (launch.parameters.size() != program.parameterBytes)
    fail("the entry takes " + std::to_string(program.parameterBytes) +
         " bytes of parameters, given are " +
         std::to_string(launch.parameters.size()));
}

uint64_t Grid::sharedBytes() const {
  const Entry &entry = *program.entry;
  uint64_t bytes = entry.sharedBytes;
  if (launch.dynamicShared)
    bytes = ((bytes + entry.dynamicAlignment - 1) & -entry.dynamicAlignment) +
            launch.dynamicShared;
  return bytes;
}

void Grid::run() {
  std::vector<std::unique_ptr<Cta>> running;
  uint64_t next = 0, total = launch.ctas();
  while (next < total || !running.empty()) {
    while (next < total && running.size() + launch.cluster <= launch.resident) {
      auto cluster = std::make_shared<Cluster>(*this);
      for (unsigned rank = 0; rank < launch.cluster; ++rank)
        running.push_back(std::make_unique<Cta>(*this, next++, cluster));
    }
    uint64_t before = executed;
    for (auto &cta : running)
      if (!cta->run(slice)) {
        if (int32_t line = cta->mbarriers.unfinishedCopy())
          throw Error(line, "CTA " + std::to_string(cta->number) +
                                " ends before this bulk copy to its memory");
        cta.reset();
        ++progress;
      }
    std::erase(running, nullptr);
    if (running.empty())
      continue;
    if (executed == before || isStuck(running)) {
      std::string where;
      for (size_t i = 0; i < running.size() && i < 4; ++i)
        where += running[i]->describeWaiting();
      fail("deadlock: no CTA can make progress" + where);
    }
    if (executed > launch.limit)
      fail("no end after " + std::to_string(executed) + " instructions" +
           running[0]->describeWaiting());
  }
}

bool Grid::isStuck(const std::vector<std::unique_ptr<Cta>> &running) const {
  for (const auto &cta : running)
    for (const auto &warp : cta->warps)
      if (warp->alive() && !warp->waiting() &&
          (warp->polls < pollLimit || warp->pollProgress != progress))
        return false;
  return true;
}
